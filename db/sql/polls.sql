-- fragment: columns
    p.workspace_id, p.poll_id, p.workflow_id, w.name as workflow, p.trigger_id, p.every_s, p.next_at, p.lease_epoch, p.cursor, p.asked_at,
    p.answered_at, p.failures, p.error

-- name: put (app)
-- A poll as the live version has it; one that was live with the same span keeps its time.
insert into polls as p (workspace_id, poll_id, workflow_id, trigger_id, live, every_s, next_at)
select :workspace_id, :poll_id, :workflow_id, :trigger_id, true, :every_s, case when w.status = 'active' then now() end
from workflows w where w.workflow_id = :workflow_id
on conflict (workflow_id, trigger_id) do update set live = true, every_s = excluded.every_s,
    next_at = case when p.live and p.every_s = excluded.every_s then p.next_at else excluded.next_at end;

-- name: retire (app)
-- The live version has these triggers no more.
update polls set live = false, next_at = null
where workspace_id = :workspace_id and workflow_id = :workflow_id and live and trigger_id <> all (:kept::text[]);

-- name: follow (app)
-- As its workflow goes: an active one's polls ask, and no other's.
update polls p set next_at = case when w.status = 'active' and p.live then coalesce(p.next_at, now()) end
from workflows w
where w.workflow_id = p.workflow_id and p.workspace_id = :workspace_id and p.workflow_id = :workflow_id;

-- name: list_polls (app, engine)
-- Of workflows that aren't deleted, those live, newest first.
select {columns}
from polls p join workflows w on w.workflow_id = p.workflow_id
where p.workspace_id = :workspace_id and p.poll_id < :below and p.live and w.status <> 'deleted'
    and (:workflow_id::uuid is null or p.workflow_id = :workflow_id)
order by p.poll_id desc
limit :most;

-- name: get (app, engine)
-- One that is live.
select {columns}
from polls p join workflows w on w.workflow_id = p.workflow_id
where p.workspace_id = :workspace_id and p.poll_id = :poll_id and p.live and w.status <> 'deleted';

-- name: hurry (app)
-- It asks now, if it asks at all.
update polls set next_at = now() where workspace_id = :workspace_id and poll_id = :poll_id and next_at is not null;

-- name: forget (app)
-- It begins anew, at a place that is given; whoever is asking at this moment asks in vain.
update polls set cursor = :cursor, answered_at = null, failures = 0, error = null, lease_epoch = lease_epoch + 1, lease_until = null
where workspace_id = :workspace_id and poll_id = :poll_id;

-- name: forget_keys (app)
-- What it has seen.
delete from poll_keys where workspace_id = :workspace_id and poll_id = :poll_id;

-- name: take (engine)
-- Some that are due and that nobody asks for, for the caller.
with due as (
    select d.poll_id from polls d
    where d.next_at <= now() and (d.lease_until is null or d.lease_until < now())
    order by d.next_at
    limit :most
    for update skip locked
)
update polls p set lease_epoch = p.lease_epoch + 1, lease_until = now() + make_interval(secs => :lease_s), asked_at = now()
from due, workflows w
where p.poll_id = due.poll_id and w.workflow_id = p.workflow_id
returning {columns};

-- name: next_due (engine)
-- When anything is due next; null when nothing is.
select greatest(p.next_at, p.lease_until) from polls p where p.next_at is not null order by greatest(p.next_at, p.lease_until) limit 1;

-- name: hold (engine)
-- Whether it is still the caller's, who keeps it until the transaction's end.
select true from polls p where p.workspace_id = :workspace_id and p.poll_id = :poll_id and p.lease_epoch = :epoch for update;

-- name: note_keys (engine)
-- Keys that an answer names; gives those that are new.
with noted as (
    insert into poll_keys as k (workspace_id, poll_id, key)
    select :workspace_id, :poll_id, g.key from unnest(:keys::text[]) as g (key)
    on conflict (poll_id, key) do update set seen_at = now()
    returning k.key, (k.xmax = 0) as fresh
)
select n.key from noted n where n.fresh;

-- name: answered (engine)
-- It got its answer, and all that is new in it is in the inbox.
update polls set cursor = :cursor, answered_at = now(), failures = 0, error = null, lease_until = null,
    next_at = case when next_at is not null then now() + make_interval(secs => every_s) end
where workspace_id = :workspace_id and poll_id = :poll_id and lease_epoch = :epoch;

-- name: failed (engine)
-- It got none, and asks again after a while.
update polls set failures = failures + 1, error = :error, lease_until = null,
    next_at = case when next_at is not null then now() + make_interval(secs => :again_s) end
where workspace_id = :workspace_id and poll_id = :poll_id and lease_epoch = :epoch;
