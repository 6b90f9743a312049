-- name: note (app, engine)
-- Write an event into the inbox, with its verdict; gives the run of the event that counts.
select note_event(:workspace_id, :event, :event_head, :event_raw, :verdict, null::uuid);

-- name: counting (app, engine)
-- Those of some new events that didn't come before.
select e.event_id from events_to_be_processed e
where e.workspace_id = :workspace_id and e.event_id = any (:event_ids::uuid[]) and e.verdict = 'waiting'
order by e.event_id;

-- name: keep (app, engine)
-- What new events brought is kept with one of them, and the others refer to it.
update events_to_be_processed e set
    head = case when e.event_id = :keeper then :event_head::json end,
    raw = case when e.event_id = :keeper then :event_raw::bytea end,
    content_of = case when e.event_id <> :keeper then :keeper::uuid end
where e.workspace_id = :workspace_id and e.event_id = any (:event_ids::uuid[]);

-- name: note_refusal (app, engine)
-- Write down what was refused, and why.
insert into events_to_be_processed
    (workspace_id, event_id, kind, source, workflow_id, trigger_id, verdict, reason, size, head, raw)
values (:workspace_id, :event_id, :kind, :source, :workflow_id, :trigger_id, 'refused', :reason, :size, :event_head, :event_raw);

-- fragment: columns
    e.workspace_id, e.event_id, e.kind, e.source, e.workflow_id, w.name as workflow, e.trigger_id, e.dedupe_key, e.run_id, e.verdict,
    e.reason, e.attempts, e.next_at, e.lease_epoch, e.received_at, e.size, coalesce(e.content_of, e.event_id) as content_id

-- name: list_events (app, engine)
-- Events below an id, newest first, without what they hold.
select {columns}
from events_to_be_processed e
left join workflows w on w.workflow_id = e.workflow_id
where e.workspace_id = :workspace_id and e.kind <> 'api' and e.event_id < :below
    and (:verdict::text is null or e.verdict = :verdict)
    and (:kind::text is null or e.kind = :kind)
    and (:workflow_id::uuid is null or e.workflow_id = :workflow_id)
order by e.event_id desc
limit :most;

-- name: get (app, engine)
-- One event, without what it holds.
select {columns}
from events_to_be_processed e
left join workflows w on w.workflow_id = e.workflow_id
where e.workspace_id = :workspace_id and e.event_id = :event_id and e.kind <> 'api';

-- name: content (app, engine)
-- What came, while it is kept.
select e.event_id, e.head, e.raw from events_to_be_processed e
where e.workspace_id = :workspace_id and e.event_id = :event_id and e.head is not null;

-- name: next_source (engine)
-- A source whose first event is due and that nobody holds: from one source to the next by the index, however many wait in each.
with recursive heads as (
    (select e.workspace_id, e.source, e.event_id, e.next_at, e.lease_until from events_to_be_processed e
     where e.verdict = 'waiting' order by e.workspace_id, e.source, e.event_id limit 1)
    union all
    select n.* from heads h cross join lateral (
        select e.workspace_id, e.source, e.event_id, e.next_at, e.lease_until from events_to_be_processed e
        where e.verdict = 'waiting' and (e.workspace_id, e.source) > (h.workspace_id, h.source)
        order by e.workspace_id, e.source, e.event_id limit 1) n
)
select h.event_id from heads h
where h.next_at <= now() and (h.lease_until is null or h.lease_until < now())
order by h.next_at
limit :most;

-- name: take (engine)
-- Hold the first waiting events of a source, in their order, if its first one still is this one and free.
with first as (
    select e.workspace_id, e.source from events_to_be_processed e
    where e.event_id = :event_id and e.verdict = 'waiting' and e.next_at <= now()
        and (e.lease_until is null or e.lease_until < now())
        and not exists (select from events_to_be_processed b
            where b.workspace_id = e.workspace_id and b.source = e.source and b.verdict = 'waiting' and b.event_id < e.event_id)
    for update skip locked
), picked as (
    select e.event_id from first f
    join lateral (select x.event_id from events_to_be_processed x
        where x.workspace_id = f.workspace_id and x.source = f.source and x.verdict = 'waiting'
        order by x.event_id limit :most) e on true
), taken as (
    update events_to_be_processed e set attempts = e.attempts + 1, lease_epoch = e.lease_epoch + 1, lease_until = now() + make_interval(secs => :lease_s)
    from picked p where e.event_id = p.event_id and e.verdict = 'waiting'
    returning e.*
)
select {columns}
from taken e
left join workflows w on w.workflow_id = e.workflow_id
order by e.event_id;

-- name: settle (engine)
-- An event that is held will start no run: it is over.
update events_to_be_processed set verdict = :verdict, reason = :reason, next_at = null, lease_until = null
where event_id = :event_id and workspace_id = :workspace_id and verdict = 'waiting' and lease_epoch = :epoch;

-- name: put_back (engine)
-- An event that was held waits again, from a while later on; without an attempt where none was made.
update events_to_be_processed
set next_at = now() + make_interval(secs => :after_s), lease_until = null, reason = :reason,
    attempts = attempts - :given_back
where event_id = :event_id and workspace_id = :workspace_id and verdict = 'waiting' and lease_epoch = :epoch;

-- name: replay (app, engine)
-- An event waits again, whatever became of it, as long as what came is kept; one that somebody holds just now is his.
update events_to_be_processed e
set verdict = 'waiting', reason = null, next_at = now(), attempts = 0, lease_until = null
where e.workspace_id = :workspace_id and e.event_id = :event_id and e.kind <> 'api'
    and (e.lease_until is null or e.lease_until < now())
    and exists (select from events_to_be_processed c
        where c.event_id = coalesce(e.content_of, e.event_id) and c.workspace_id = e.workspace_id and c.head is not null);

-- name: drop (app, engine)
-- An event that waits, or was tried too often, is given up.
update events_to_be_processed e set verdict = 'dropped', reason = :reason, next_at = null, lease_until = null
where e.workspace_id = :workspace_id and e.event_id = :event_id and e.verdict in ('waiting', 'failed');

-- name: hurry (app, engine)
-- What waits for a workflow is looked at now.
update events_to_be_processed e set next_at = now()
where e.workspace_id = :workspace_id and e.workflow_id = :workflow_id and e.verdict = 'waiting' and e.next_at > now();
