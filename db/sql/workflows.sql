-- fragment: columns
    w.workflow_id, w.workspace_id, w.name, w.status, w.live_version, w.max_concurrent_runs, w.created_at, w.updated_at,
    w.deleted_at

-- name: create (app, engine)
-- A new workflow; no row when the name is taken.
insert into workflows as w (workspace_id, workflow_id, name, created_by)
values (:workspace_id, :workflow_id, :name, :user_id)
on conflict (workspace_id, name) where status <> 'deleted' do nothing
returning {columns};

-- name: by_id (app, engine)
-- One workflow, deleted or not.
select {columns} from workflows w where w.workspace_id = :workspace_id and w.workflow_id = :workflow_id;

-- name: by_name (app, engine)
-- The workflow of that name that is not deleted, else the one deleted last.
select {columns} from workflows w
where w.workspace_id = :workspace_id and w.name = :name
order by w.deleted_at desc nulls first
limit 1;

-- name: page (app, engine)
-- Workflows that are not deleted, newest first.
select {columns} from workflows w
where w.workspace_id = :workspace_id and w.status <> 'deleted' and w.workflow_id < :below
order by w.workflow_id desc
limit :most;

-- name: set_status (app, engine)
-- Pause or go on.
update workflows w set status = :status, updated_at = now()
where w.workspace_id = :workspace_id and w.workflow_id = :workflow_id and w.status <> 'deleted'
returning {columns};

-- name: delete (app, engine)
-- Its name is free from now on; its runs stay readable.
update workflows w set status = 'deleted', deleted_at = now(), updated_at = now()
where w.workspace_id = :workspace_id and w.workflow_id = :workflow_id and w.status <> 'deleted'
returning {columns};

-- name: lock (app, engine)
-- Hold the workflow's row, so that its versions change one at a time.
select {columns} from workflows w
where w.workspace_id = :workspace_id and w.workflow_id = :workflow_id and w.status <> 'deleted'
for no key update;

-- name: set_live (app, engine)
-- Make a version the live one, with its cap.
update workflows w set live_version = :version, max_concurrent_runs = :cap, updated_at = now()
where w.workspace_id = :workspace_id and w.workflow_id = :workflow_id;

-- name: ensure_views (app, engine)
-- Make the schema with views of the workflow's rows.
select ensure_workflow_views(:workflow_id);

-- name: purge (app, engine)
-- The deleted workflow's row and versions go; its runs went before.
delete from workflows
where workspace_id = :workspace_id and workflow_id = :workflow_id and status = 'deleted';

-- name: drop_views (engine)
-- Drop the schema of a workflow that is gone.
select drop_workflow_views(:workflow_id)::text;
