-- name: runs (engine)
-- Headers of all runs in order of their ids, without simulations.
select r.run_id, w.name as workflow, r.status, r.output, r.finished_at is not null as ended, r.parent_run_id, r.origin, r.event_seq,
    r.status_seq, r.trigger
from workflow_runs r
join workflows w on w.workflow_id = r.workflow_id
where r.run_id > :after and r.carrier <> 'simulation'
order by r.run_id
limit :most;

-- name: attempts (engine)
-- Every attempt of every step of these runs.
select l.run_id, l.path, l.attempt, l.module, l.status, l.finished_at is not null as ended, l.idempotency_key, l.error
from workflow_execution_logs l
where l.run_id = any (:run_ids::uuid[])
order by l.run_id, l.path, l.attempt;

-- name: left (engine)
-- What stands open in the whole installation.
select
    (select count(*) from workflow_execution_queue) as open_runs,
    (select count(*) from workflow_execution_queue where lease_until is not null) as leases,
    (select count(*) from workflow_signals) as signals,
    (select count(*) from workflow_runs where finished_at is null and carrier <> 'simulation') as unended,
    (select count(*) from app_queue) + (select count(*) from app_queue_batches) as items,
    (select count(*) from events_to_be_processed where verdict = 'waiting') as events;

-- name: queue_faults (engine)
-- Where sums, lanes and batches of a queue differ from what its items say; nothing in a sound queue.
with b as (
    select x.*, x.members || coalesce(x.rest, '{}') as held from app_queue_batches x where x.queue_id = :queue_id
), i as (
    select x.item_id, x.seq, x.lane, x.size, x.state, o.state as batch_state
    from app_queue x
    left join lateral unnest((select b.held from b where b.lane = x.lane)) m (seq) on x.state = 'waiting' and m.seq = x.seq
    left join b o on o.lane = x.lane and m.seq is not null
    where x.queue_id = :queue_id
), lanes as (
    select i.lane, count(*) filter (where i.batch_state is null) as depth,
        coalesce(sum(i.size) filter (where i.batch_state is null), 0) as bytes
    from i where i.state = 'waiting' group by i.lane
), truth as (
    select count(*) filter (where i.state = 'waiting' and (i.batch_state is null or i.batch_state = 'blocked')) as depth,
        count(*) filter (where i.batch_state <> 'blocked') as in_flight,
        count(*) filter (where i.state = 'delayed') as delayed, count(*) filter (where i.state = 'dead') as dead
    from i
), sums as (
    select coalesce(sum(c.depth), 0) as depth, coalesce(sum(c.in_flight), 0) as in_flight,
        coalesce(sum(c.delayed), 0) as delayed, coalesce(sum(c.dead), 0) as dead
    from app_queue_counts c where c.queue_id = :queue_id
)
select format('sums say %s, the items %s', sums, truth) from sums, truth where sums::text is distinct from truth::text
union all
select format('lane %L says %s items of %s bytes, it has %s of %s', coalesce(k.lane, l.lane), k.depth, k.bytes, l.depth, l.bytes)
from (select * from app_queue_keys where queue_id = :queue_id) k full join lanes l on l.lane = k.lane
where (k.depth, k.bytes) is distinct from (l.depth, l.bytes)
union all
select format('lane %L is %s and its batch %s', k.lane, k.state, coalesce(b.state, 'is not there'))
from app_queue_keys k left join b on b.lane = k.lane
where k.queue_id = :queue_id
    and k.state <> case when b.state is null then 'ready' when b.state = 'blocked' then 'blocked' else 'held' end
union all
select format('lane %L is due at %s', k.lane, k.due_at) from app_queue_keys k
where k.queue_id = :queue_id and (k.state = 'ready') <> (k.due_at is not null)
union all
select format('batch of %L has members %s that are no items', b.lane, m.seq)
from b cross join unnest(b.held) m (seq)
where not exists (select from i where i.lane = b.lane and i.seq = m.seq and i.state = 'waiting')
union all
select format('batch of %L has no lane', b.lane) from b
where not exists (select from app_queue_keys k where k.queue_id = :queue_id and k.lane = b.lane)
union all
select format('batch of %L has parts %s of %s items', b.lane, b.cuts, cardinality(b.rest)) from b
where coalesce((select sum(abs(c)) from unnest(b.cuts) c), 0) <> coalesce(cardinality(b.rest), 0);

-- name: deadlocks (engine)
-- How many this database has met so far.
select deadlocks from pg_stat_database where datname = current_database();
