-- name: create_draft (app, engine)
-- A workflow's first draft.
insert into workflows_versions (workspace_id, workflow_id, version, document, content_hash, created_by)
values (:workspace_id, :workflow_id, 0, :document, :content_hash, :user_id)
returning revision, document, content_hash, created_at as saved_at;

-- name: draft (app, engine)
-- The draft as it stands.
select revision, document, content_hash, created_at as saved_at from workflows_versions
where workspace_id = :workspace_id and workflow_id = :workflow_id and version = 0;

-- name: put_draft (app, engine)
-- Save the draft, if nobody saved it since the given revision.
with saved as (
    update workflows_versions set
        document = :document, content_hash = :content_hash, revision = revision + 1, created_at = now(),
        created_by = :user_id
    where workspace_id = :workspace_id and workflow_id = :workflow_id and version = 0 and revision = :base_revision
    returning revision, document, content_hash, created_at
), touched as (
    update workflows set updated_at = now() where workflow_id = :workflow_id and exists (select from saved)
)
select revision, document, content_hash, created_at as saved_at from saved;

-- fragment: columns
    v.version, v.content_hash, v.note, v.created_at, u.email as created_by,
    v.version is not distinct from w.live_version as live

-- fragment: sources
    workflows_versions v
    join workflows w on w.workflow_id = v.workflow_id
    left join users u on u.user_id = v.created_by

-- name: page (app, engine)
-- Numbered versions, newest first.
select {columns} from {sources}
where v.workspace_id = :workspace_id and v.workflow_id = :workflow_id and v.version > 0 and v.version < :below
order by v.version desc
limit :most;

-- name: get (app, engine)
-- One numbered version.
select {columns} from {sources}
where v.workspace_id = :workspace_id and v.workflow_id = :workflow_id and v.version = :version and v.version > 0;

-- name: document (app, engine)
-- The document of a version, 0 being the draft.
select document from workflows_versions
where workspace_id = :workspace_id and workflow_id = :workflow_id and version = :version;

-- name: with_content (app, engine)
-- The numbered version that has this content.
select version from workflows_versions
where workspace_id = :workspace_id and workflow_id = :workflow_id and content_hash = :content_hash and version > 0;

-- name: freeze (app, engine)
-- The next numbered version. The workflow is locked, so no other one takes the number.
insert into workflows_versions (workspace_id, workflow_id, version, document, content_hash, note, created_by)
select :workspace_id, :workflow_id, coalesce(max(v.version), 0) + 1, :document, :content_hash, :note, :user_id
from workflows_versions v
where v.workflow_id = :workflow_id
returning version;
