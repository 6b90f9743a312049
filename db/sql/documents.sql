-- name: ensure (app, engine)
-- Keep a compiled document; one that was about to go stays.
insert into workflows_documents (workspace_id, compiled_hash, content_hash, compiled)
values (:workspace_id, :hash, :content_hash, :compiled)
on conflict (workspace_id, compiled_hash) do update set retired_at = null;

-- name: get (app, engine)
-- A compiled document by its hash.
select compiled_hash as hash, content_hash, compiled from workflows_documents
where workspace_id = :workspace_id and compiled_hash = :hash;
