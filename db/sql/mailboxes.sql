-- name: put (app, engine)
-- A trigger reads a mailbox. Where it is another one, or wasn't read until now, what lies there is passed over, and who reads it lets go.
insert into workflow_mailboxes as m (workspace_id, route_id, connection, mailbox, every_s, afterwards, live, next_at)
select r.workspace_id, r.route_id, :connection, :mailbox, :every_s, :afterwards, true, case when w.status = 'active' then now() end
from workflow_email_routes r join workflows w on w.workflow_id = r.workflow_id
where r.workspace_id = :workspace_id and r.workflow_id = :workflow_id and r.trigger_id = :trigger_id
on conflict (route_id) do update set
    connection = excluded.connection, mailbox = excluded.mailbox, every_s = excluded.every_s, afterwards = excluded.afterwards, live = true,
    uid_validity = case when m.live and (m.connection, m.mailbox) = (excluded.connection, excluded.mailbox) then m.uid_validity end,
    last_uid = case when m.live and (m.connection, m.mailbox) = (excluded.connection, excluded.mailbox) then m.last_uid else 0 end,
    since = case when m.live and (m.connection, m.mailbox) = (excluded.connection, excluded.mailbox) then m.since end,
    looked_at = case when m.live and (m.connection, m.mailbox) = (excluded.connection, excluded.mailbox) then m.looked_at end,
    state = 'new', reason = null, failures = 0, next_at = excluded.next_at, lease_epoch = m.lease_epoch + 1, lease_until = null
where not m.live or m.state = 'failing' or (m.connection, m.mailbox, m.every_s, m.afterwards)
    is distinct from (excluded.connection, excluded.mailbox, excluded.every_s, excluded.afterwards);

-- name: retire (app, engine)
-- The live version reads no other mailboxes than by these triggers.
update workflow_mailboxes m set live = false, next_at = null, lease_epoch = m.lease_epoch + 1, lease_until = null
from workflow_email_routes r
where r.route_id = m.route_id and m.live and r.workspace_id = :workspace_id and r.workflow_id = :workflow_id
    and r.trigger_id <> all (:kept::text[]);

-- name: follow (app, engine)
-- As their workflow goes: an active one's mailboxes are looked at, and no other's.
update workflow_mailboxes m set next_at = case when w.status = 'active' and m.live then coalesce(m.next_at, now()) end
from workflow_email_routes r join workflows w on w.workflow_id = r.workflow_id
where r.route_id = m.route_id and m.workspace_id = :workspace_id and r.workflow_id = :workflow_id;

-- name: hurry (app, engine)
-- A connection is another one now: its mailboxes are looked at again, and who reads them by the old one lets go.
update workflow_mailboxes set next_at = now(), lease_epoch = lease_epoch + 1, lease_until = null
where workspace_id = :workspace_id and connection = :connection and next_at is not null;

-- name: of_routes (app, engine)
-- Those that are read, by their routes.
select m.route_id, m.connection, m.mailbox, m.every_s, m.afterwards, m.state, m.reason, m.looked_at, m.next_at
from workflow_mailboxes m
where m.workspace_id = :workspace_id and m.route_id = any (:route_ids::uuid[]) and m.live;

-- name: take (engine)
-- Some that are due and that nobody reads, for the caller.
with due as (
    select d.route_id from workflow_mailboxes d
    where d.next_at <= now() and (d.lease_until is null or d.lease_until < now())
    order by d.next_at
    limit :most
    for update skip locked
)
update workflow_mailboxes m set lease_epoch = m.lease_epoch + 1, lease_until = now() + make_interval(secs => :lease_s)
from due where m.route_id = due.route_id
returning m.workspace_id, m.route_id, m.connection, m.mailbox, m.every_s, m.afterwards, m.account, m.uid_validity, m.last_uid, m.since, m.failures, m.looked_at,
    m.lease_epoch;

-- name: next_due (engine)
-- When anything is due next; null when nothing is.
select greatest(m.next_at, m.lease_until) from workflow_mailboxes m
where m.next_at is not null
order by greatest(m.next_at, m.lease_until) limit 1;

-- name: keep (engine)
-- Whoever reads it isn't done yet.
update workflow_mailboxes set lease_until = now() + make_interval(secs => :lease_s)
where workspace_id = :workspace_id and route_id = :route_id and lease_epoch = :epoch and live;

-- name: advance (engine)
-- It was read as far as that mail; nothing where somebody else holds it.
update workflow_mailboxes
set account = :account, uid_validity = :uid_validity, last_uid = :last_uid, since = :since
where workspace_id = :workspace_id and route_id = :route_id and lease_epoch = :epoch and live;

-- name: let_go (engine)
-- It was looked at, with that outcome, and is looked at again after a while.
update workflow_mailboxes set state = :state, reason = :reason, failures = :failures, lease_until = null,
    looked_at = case when :state = 'ok' then now() else looked_at end,
    next_at = case when next_at is not null then now() + make_interval(secs => :after_s) end
where workspace_id = :workspace_id and route_id = :route_id and lease_epoch = :epoch and live;
