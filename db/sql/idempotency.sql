-- name: begin (app, engine)
-- Take the key for a request; no row when another request has it and holds it still.
insert into idempotency_keys as k (workspace_id, key, route, body_hash, expires_at)
values (:workspace_id, :key, :route, :body_hash, now() + make_interval(secs => :kept_s))
on conflict (workspace_id, key) do update set
    route = excluded.route, body_hash = excluded.body_hash, status = null, answer = null, created_at = now(),
    expires_at = excluded.expires_at
where k.expires_at <= now()
    or (k.status is null and k.created_at < now() - make_interval(secs => :abandoned_s)
        and k.route = excluded.route and k.body_hash = excluded.body_hash)
returning true;

-- name: get (app, engine)
-- What the key was used for.
select route, body_hash, status, answer from idempotency_keys where workspace_id = :workspace_id and key = :key;

-- name: finish (app, engine)
-- Keep the answer.
update idempotency_keys set status = :status, answer = :answer
where workspace_id = :workspace_id and key = :key and status is null;

-- name: forget (app, engine)
-- The request failed before it changed anything: the key is free again.
delete from idempotency_keys where workspace_id = :workspace_id and key = :key and status is null;
