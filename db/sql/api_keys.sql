-- fragment: columns
workspace_id, api_key_id, user_id, name, prefix, role, scopes, created_at, expires_at, revoked_at, last_used_at

-- name: authenticate (engine)
-- Whose key has that hash, if it still holds and its person is still a member; its use is noted at most once a minute.
with found as (
    select k.workspace_id, w.slug, k.api_key_id, k.user_id, u.email, k.name,
        case when m.role is null then k.role
            when 'viewer' in (k.role, m.role) then 'viewer'
            when 'editor' in (k.role, m.role) then 'editor'
            else 'owner' end as role,
        k.scopes, k.last_used_at
    from api_keys k
    join workspaces w on w.workspace_id = k.workspace_id
    left join user_roles m on m.workspace_id = k.workspace_id and m.user_id = k.user_id
    left join users u on u.user_id = m.user_id
    where k.hash = :hash and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
        and (k.user_id is null or m.user_id is not null)
), noted as (
    update api_keys k set last_used_at = now() from found
    where k.api_key_id = found.api_key_id
        and (k.last_used_at is null or k.last_used_at < now() - interval '1 minute')
)
select workspace_id, slug, api_key_id, user_id, email, name, role, scopes from found;

-- name: create (app, engine)
-- A new key, of which only the hash is kept; no row when the same request made one before.
insert into api_keys (workspace_id, api_key_id, user_id, name, prefix, hash, role, scopes, expires_at, operation)
values (:workspace_id, :api_key_id, :user_id, :name, :prefix, :hash, :role, :scopes, :expires_at, :operation)
on conflict (workspace_id, operation) where operation is not null do nothing
returning {columns};

-- name: forget_operations (app, engine)
-- A request is remembered for a day.
update api_keys set operation = null
where workspace_id = :workspace_id and operation = :operation and created_at < now() - interval '1 day';

-- name: reissue (app, engine)
-- Another text for the key that the same request made, as long as nobody has used the one before: whoever asks again never got it.
update api_keys set hash = :hash, prefix = :prefix
where workspace_id = :workspace_id and operation = :operation and revoked_at is null and last_used_at is null
returning {columns};

-- name: page (app, engine)
-- Keys of a workspace that were not revoked, newest first.
select {columns}
from api_keys
where workspace_id = :workspace_id and revoked_at is null and api_key_id < :below
order by api_key_id desc
limit :most;

-- name: revoke (app, engine)
-- The key holds no longer.
update api_keys set revoked_at = now()
where workspace_id = :workspace_id and api_key_id = :api_key_id and revoked_at is null;

-- name: revoke_of_user (app, engine)
-- None of the person's keys in this workspace holds any longer.
update api_keys set revoked_at = now()
where workspace_id = :workspace_id and user_id = :user_id and revoked_at is null;
