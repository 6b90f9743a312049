-- fragment: columns
q.queue_id, q.workspace_id, q.name, q.status, q.flush_batch_size, q.flush_record_max_age, q.flush_rate_limit_max_flush_count,
    q.flush_rate_limit_time_window, q.flush_strategy, q.ordering, q.max_parallel_batches, q.on_failure, q.max_attempts,
    q.dedupe_window, w.workflow_id as consumer_workflow_id, w.name as consumer, case when w.workflow_id is not null then q.consumer_trigger_id end as consumer_trigger_id,
    w.status as consumer_status, case when w.workflow_id is null then f.name end as former,
    case when w.workflow_id is null then f.status end as former_status, q.created_at, q.updated_at

-- fragment: source
workflows_app_queues q
left join workflows w on w.workflow_id = q.consumer_workflow_id and w.status <> 'deleted'
left join workflows f on f.workflow_id = coalesce(q.former_workflow_id, q.consumer_workflow_id)

-- name: create (app)
-- A queue with its settings and its rate; nothing comes back where the name is taken.
with made as (
    insert into workflows_app_queues (
        workspace_id, queue_id, name, status, flush_batch_size, flush_record_max_age, flush_rate_limit_max_flush_count,
        flush_rate_limit_time_window, flush_strategy, ordering, max_parallel_batches, on_failure, max_attempts,
        dedupe_window, created_by)
    values (
        :workspace_id, :queue_id, :name, :status, :flush_batch_size, :flush_record_max_age,
        :flush_rate_limit_max_flush_count, :flush_rate_limit_time_window, :flush_strategy, :ordering, :max_parallel_batches,
        :on_failure, :max_attempts, :dedupe_window, :user_id)
    on conflict (workspace_id, name) do nothing
    returning workspace_id, queue_id
), rated as (
    insert into queue_rate_limiting (workspace_id, queue_id) select workspace_id, queue_id from made
)
select queue_id from made;

-- name: get (app, engine)
-- One queue by its id.
select {columns} from {source} where q.workspace_id = :workspace_id and q.queue_id = :queue_id;

-- name: by_name (app, engine)
-- One queue by its name.
select {columns} from {source} where q.workspace_id = :workspace_id and q.name = :name;

-- name: list_queues (app)
-- Queues, newest first, before a queue.
select {columns} from {source}
where q.workspace_id = :workspace_id and q.queue_id < :before
order by q.queue_id desc
limit :most;

-- name: consumers (app, engine)
-- Every queue's name, and the workflow that takes its items.
select q.name, q.queue_id, w.workflow_id, w.name as workflow from {source} where q.workspace_id = :workspace_id;

-- name: update (app)
-- New settings.
update workflows_app_queues set
    flush_batch_size = :flush_batch_size, flush_record_max_age = :flush_record_max_age,
    flush_rate_limit_max_flush_count = :flush_rate_limit_max_flush_count,
    flush_rate_limit_time_window = :flush_rate_limit_time_window, flush_strategy = :flush_strategy, ordering = :ordering,
    max_parallel_batches = :max_parallel_batches, on_failure = :on_failure, max_attempts = :max_attempts,
    dedupe_window = :dedupe_window, updated_at = now()
where workspace_id = :workspace_id and queue_id = :queue_id;

-- name: reckon_due_times (app)
-- When lanes are due under the new settings.
select reckon_due_times(:queue_id)::text;

-- name: lock (app)
-- Held to the transaction's end against whoever changes or deletes the queue, claims or pauses it, adds to it or takes from it.
select locked from lock_queue(:workspace_id, :queue_id) as l (locked) where locked is not null;

-- name: holds_items (app)
-- Whether any item waits, is delayed, or is in a batch.
select holds_items(:queue_id);

-- name: set_status (app)
-- Pause or go on; gives how many blocked lanes are tried again.
select set_queue_status(:queue_id, :status);

-- name: flush (app)
-- A batch of everything that waits; gives how many lanes have some.
select flush_queue(:queue_id);

-- name: clear (app)
-- Take away what no run has; gives how many items that were.
select clear_queue(:queue_id);

-- name: delete (app)
-- The queue and all that belongs to it.
with items as (delete from app_queue where queue_id = :queue_id),
lanes as (delete from app_queue_keys where queue_id = :queue_id),
batches as (delete from app_queue_batches where queue_id = :queue_id),
logs as (delete from app_queue_logs where queue_id = :queue_id),
counts as (delete from app_queue_counts where queue_id = :queue_id),
dedupe as (delete from app_queue_dedupe where queue_id = :queue_id)
delete from workflows_app_queues where workspace_id = :workspace_id and queue_id = :queue_id;

-- name: stats (app, engine)
-- Figures of a queue, from sums and lanes.
select c.depth, c.in_flight, c.delayed, c.dead,
    (
        select greatest(0, extract(epoch from present() - k.oldest_at))::double precision from app_queue_keys k
        where k.queue_id = :queue_id and k.oldest_at is not null
        order by k.oldest_at limit 1
    ) as oldest_age_s,
    (select count(*) from app_queue_keys k where k.queue_id = :queue_id and k.state = 'blocked') as blocked_keys,
    (
        select count(*) from app_queue_logs l
        where l.queue_id = :queue_id and l.run_id >= uuid7_floor(now() - interval '1 minute')
    ) as flushes_per_min
from (
    select coalesce(sum(s.depth), 0)::bigint as depth, coalesce(sum(s.in_flight), 0)::bigint as in_flight,
        coalesce(sum(s.delayed), 0)::bigint as delayed, coalesce(sum(s.dead), 0)::bigint as dead
    from app_queue_counts s where s.queue_id = :queue_id
) as c;

-- name: depths (app)
-- How many items wait in each of these queues.
select g.queue_id, coalesce(sum(s.depth), 0)::bigint as depth
from unnest(:queue_ids::uuid[]) as g (queue_id)
left join app_queue_counts s on s.queue_id = g.queue_id
group by g.queue_id;

-- name: blocked (app)
-- Of each of these queues that has some: how many lanes are blocked, and one of the runs that did it.
select k.queue_id, count(*) as keys, (array_agg(b.run_id order by b.run_id))[1] as run_id
from app_queue_keys k
join app_queue_batches b on b.queue_id = k.queue_id and b.lane = k.lane
where k.queue_id = any (:queue_ids::uuid[]) and k.state = 'blocked'
group by k.queue_id;

-- name: bind (app)
-- The workflow takes the items of the queues of these names from now on, each by one of its triggers.
with wanted as (
    -- One after the other, so that two deploys that want the same queues don't wait for each other.
    select l.queue_id, g.trigger_id
    from workflows_app_queues l
    join unnest(:names::text[], :trigger_ids::text[]) as g (name, trigger_id) on l.name = g.name or l.queue_id::text = g.name
    where l.workspace_id = :workspace_id
    order by l.queue_id
    for no key update of l
)
update workflows_app_queues q set
    consumer_workflow_id = :workflow_id, consumer_trigger_id = g.trigger_id, former_workflow_id = null
from wanted g
where q.queue_id = g.queue_id
    and (q.consumer_workflow_id is null or q.consumer_workflow_id = :workflow_id or not exists (
        select from workflows w where w.workflow_id = q.consumer_workflow_id and w.status <> 'deleted'))
returning q.queue_id;

-- name: unbind (app, engine)
-- The workflow takes no items any more, but for those of the queues named.
update workflows_app_queues q set
    consumer_workflow_id = null, consumer_trigger_id = null, former_workflow_id = q.consumer_workflow_id
where q.workspace_id = :workspace_id and q.consumer_workflow_id = :workflow_id
    and not (q.name = any (:names::text[]) or q.queue_id::text = any (:names::text[]));
