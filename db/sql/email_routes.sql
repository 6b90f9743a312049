-- fragment: columns
    r.workspace_id, r.route_id, r.workflow_id, w.name as workflow, w.status as workflow_status, r.trigger_id, r.address, r.alias, r.live,
    r.allow_from

-- name: bind (app, engine)
-- The live version has the trigger, with this alias; false where another trigger has that.
select bind_email_route(:workspace_id, :workflow_id, :trigger_id, :route_id, :address, :alias, :allow_from);

-- name: release (app, engine)
-- The live version has no other triggers than these; what their aliases were is free from now on, unless it stays the same.
update workflow_email_routes r set live = r.live and r.trigger_id = any (:kept::text[]), alias = null
where r.workspace_id = :workspace_id and r.workflow_id = :workflow_id
    and (r.live and r.trigger_id <> all (:kept::text[]) or r.alias is not null and (r.trigger_id || ' ' || r.alias) <> all (:aliases::text[]));

-- name: find (engine)
-- Whose address it is, by its part before the @: the one that lives, in any workspace.
select {columns}
from workflow_email_routes r
join workflows w on w.workflow_id = r.workflow_id
where (r.address = :local or r.alias = :local) and r.live;

-- name: get (engine)
-- One that lives.
select {columns}
from workflow_email_routes r
join workflows w on w.workflow_id = r.workflow_id
where r.workspace_id = :workspace_id and r.route_id = :route_id and r.live;

-- name: list_routes (app, engine)
-- Those that live, of workflows that aren't deleted, newest first.
select {columns}
from workflow_email_routes r
join workflows w on w.workflow_id = r.workflow_id
where r.workspace_id = :workspace_id and r.route_id < :below and r.live and w.status <> 'deleted'
    and (:workflow_id::uuid is null or r.workflow_id = :workflow_id)
order by r.route_id desc
limit :most;
