-- name: get (app, engine)
-- A compiled document by its hash.
select compiled_hash as hash, content_hash, compiled from workflows_documents
where workspace_id = :workspace_id and compiled_hash = :hash;
