-- name: authenticate (engine)
-- The key with that hash, if it still holds; its use is noted at most once a minute.
with found as (
    select workspace_id, api_key_id, user_id, name, prefix, role, scopes, created_at, expires_at, revoked_at, last_used_at
    from api_keys
    where hash = :hash and revoked_at is null and (expires_at is null or expires_at > now())
), noted as (
    update api_keys k set last_used_at = now() from found
    where k.api_key_id = found.api_key_id
        and (k.last_used_at is null or k.last_used_at < now() - interval '1 minute')
)
select workspace_id, api_key_id, user_id, name, prefix, role, scopes, created_at, expires_at, revoked_at, last_used_at
from found;

-- name: create (app, engine)
-- A new key, of which only the hash is kept.
insert into api_keys (workspace_id, api_key_id, user_id, name, prefix, hash, role, scopes, expires_at)
values (:workspace_id, :api_key_id, :user_id, :name, :prefix, :hash, :role, :scopes, :expires_at)
returning workspace_id, api_key_id, user_id, name, prefix, role, scopes, created_at, expires_at, revoked_at, last_used_at;

-- name: page (app, engine)
-- Keys of a workspace that were not revoked, newest first.
select workspace_id, api_key_id, user_id, name, prefix, role, scopes, created_at, expires_at, revoked_at, last_used_at
from api_keys
where workspace_id = :workspace_id and revoked_at is null and api_key_id < :below
order by api_key_id desc
limit :most;

-- name: revoke (app, engine)
-- The key holds no longer.
update api_keys set revoked_at = now()
where workspace_id = :workspace_id and api_key_id = :api_key_id and revoked_at is null;
