-- name: get (app, engine)
-- A key's value, unless it has expired.
select value, version, expires_at from key_values
where workspace_id = :workspace_id and scope = :scope and key = :key and version > 0
    and (expires_at is null or expires_at > now());

-- name: lock (app, engine)
-- The key's row, made if need be, held until the transaction's end. An expired value counts as none; its version goes on.
insert into key_values as k (workspace_id, scope, key, version) values (:workspace_id, :scope, :key, 0)
on conflict (workspace_id, scope, key) do update set version = k.version
returning case when k.expires_at is null or k.expires_at > now() then k.value end as value, k.version,
    k.version > 0 and (k.expires_at is null or k.expires_at > now()) as found;

-- name: put (app, engine)
-- The locked key's new value.
update key_values set value = :value, version = :version, updated_at = now(),
    expires_at = case when :ttl_s::double precision is null then null else now() + make_interval(secs => :ttl_s) end
where workspace_id = :workspace_id and scope = :scope and key = :key;

-- name: remove (app, engine)
-- The locked key goes.
delete from key_values where workspace_id = :workspace_id and scope = :scope and key = :key;

-- name: answered (app, engine)
-- What a write of that operation answered before.
select answer from key_value_operations where workspace_id = :workspace_id and operation = :operation;

-- name: answer (app, engine)
-- Keep what a write answered.
insert into key_value_operations (workspace_id, operation, answer) values (:workspace_id, :operation, :answer)
on conflict (workspace_id, operation) do nothing;
