-- name: lease (app, engine)
-- The lease to refresh tokens of that version; no row while somebody has it, while it rests, or when they are refreshed already.
update connections set lease_epoch = lease_epoch + 1, lease_until = present() + make_interval(secs => :lease_s)
where workspace_id = :workspace_id and connection_id = :connection_id and token_version = :token_version and state = 'ok'
    and (lease_until is null or lease_until < present()) and (rest_until is null or rest_until < present())
returning lease_epoch;

-- name: put_refreshed (app, engine)
-- New tokens, in the place of those of that version.
update connections set tokens = :tokens, token_version = token_version + 1,
    expires_at = present() + make_interval(secs => :expires_in), refresh_at = present() + make_interval(secs => :refresh_in),
    lease_until = null, rest_until = null
where workspace_id = :workspace_id and connection_id = :connection_id and token_version = :token_version and state = 'ok';

-- name: put_consented (app, engine)
-- The tokens of a consent, whatever there was before.
update connections set tokens = :tokens, token_version = token_version + 1,
    expires_at = present() + make_interval(secs => :expires_in), refresh_at = present() + make_interval(secs => :refresh_in),
    lease_until = null, rest_until = null, state = 'ok', reason = null, updated_at = now()
where workspace_id = :workspace_id and connection_id = :connection_id and kind = 'oauth2';

-- name: refuse (app, engine)
-- The provider refused a refresh: a person has to consent anew. Only where nothing has changed since the lease was taken.
update connections set tokens = case when :forget::boolean then null else tokens end, token_version = token_version + 1, lease_until = null,
    state = 'needs_reauth', reason = :reason, updated_at = now()
where workspace_id = :workspace_id and connection_id = :connection_id and token_version = :token_version and lease_epoch = :lease_epoch
    and state = 'ok';

-- name: rest (app, engine)
-- A refresh failed for a reason that may pass: nobody tries again for a while.
update connections set lease_until = null, rest_until = present() + make_interval(secs => :rest_s)
where workspace_id = :workspace_id and connection_id = :connection_id and lease_epoch = :lease_epoch;

-- name: begin_consent (app, engine)
-- A consent begins.
insert into interim_app_credentials (workspace_id, state_hash, connection_id, user_id, secret, expires_at)
values (:workspace_id, :state_hash, :connection_id, :user_id, :secret, present() + make_interval(secs => :valid_s));

-- name: end_consent (engine)
-- A consent is taken away and given, in time or not.
delete from interim_app_credentials where state_hash = :state_hash
returning workspace_id, connection_id, secret, expires_at > present() as in_time;

-- name: expired (engine)
-- Consents that nobody ended in time.
with picked as (
    select i.state_hash from interim_app_credentials i where i.expires_at < present() limit :most for update skip locked
)
delete from interim_app_credentials i using picked p where i.state_hash = p.state_hash;
