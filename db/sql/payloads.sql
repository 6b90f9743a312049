-- name: put (engine, app)
-- Keep bytes of a run under their hash; the same bytes again change nothing.
insert into workflow_payloads (workspace_id, run_id, ref, kind, media_type, bytes)
values (:workspace_id, :run_id, :ref, :kind, :media_type, :body)
on conflict (run_id, ref) do nothing;

-- name: get (engine, app)
-- The bytes under an address of a run.
select ref, kind, media_type, bytes as body from workflow_payloads
where run_id = :run_id and ref = :ref and workspace_id = :workspace_id;

-- name: copy (engine, app)
-- Give a run the payloads that rows taken over from another run refer to; those that are closed only if asked for.
insert into workflow_payloads (workspace_id, run_id, ref, kind, media_type, bytes)
select p.workspace_id, :target, p.ref, p.kind, p.media_type, p.bytes from workflow_payloads p
where p.run_id = :source and p.workspace_id = :workspace_id and p.kind = 'data' and p.ref = any (:refs::text[])
    and (:closed_too or substring(p.bytes from 1 for 1) <> '\x01'::bytea)
on conflict (run_id, ref) do nothing;

-- name: closed_ones (engine, app)
-- Which of a run's payloads are closed.
select p.ref from workflow_payloads p
where p.run_id = :run_id and p.workspace_id = :workspace_id and p.kind = 'data' and p.ref = any (:refs::text[])
    and substring(p.bytes from 1 for 1) = '\x01'::bytea;
