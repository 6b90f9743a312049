-- fragment: columns
c.workspace_id, c.connection_id, c.name, c.app, c.kind, c.config, c.secret, c.secret_version, c.allowed_hosts, c.rate_count, c.rate_per,
    c.usable_by, c.state, c.reason, c.provider_id, p.name as provider, c.tokens, c.token_version, c.expires_at,
    extract(epoch from c.expires_at - present())::double precision as lasts_s, coalesce(c.refresh_at <= present(), false) as due,
    coalesce(c.rest_until > present(), false) as resting,
    c.created_at, c.updated_at
-- name: create (app, engine)
-- A new connection; no row when the name is taken.
insert into connections (workspace_id, connection_id, name, app, kind, config, secret, allowed_hosts, rate_count, rate_per,
    usable_by, state, reason, provider_id, created_by)
values (:workspace_id, :connection_id, :name, :app, :kind, :config, :secret, :allowed_hosts, :rate_count, :rate_per,
    :usable_by, :state, :reason, :provider_id, :user_id)
on conflict (workspace_id, name) do nothing
returning connection_id;

-- name: get (app, engine)
-- One connection.
select {columns} from connections c left join connections_providers p on p.provider_id = c.provider_id
where c.workspace_id = :workspace_id and c.connection_id = :connection_id;

-- name: by_name (app, engine)
-- The connection of that name.
select {columns} from connections c left join connections_providers p on p.provider_id = c.provider_id
where c.workspace_id = :workspace_id and c.name = :name;

-- name: list_connections (app, engine)
-- Connections, newest first, from below an id.
select {columns} from connections c left join connections_providers p on p.provider_id = c.provider_id
where c.workspace_id = :workspace_id and c.connection_id < :before
order by c.connection_id desc
limit :most;

-- name: known (app, engine)
-- What documents are checked against: every connection's name, app, kind, and who may use it.
select connection_id, name, app, kind, usable_by from connections where workspace_id = :workspace_id order by name;

-- name: limited (app, engine)
-- Of those names, the connections with a rate limit.
select name from connections where workspace_id = :workspace_id and name = any(:names) and rate_count is not null order by name;

-- name: lock (app, engine)
-- Hold a connection alone until the transaction's end.
select connection_id from connections where workspace_id = :workspace_id and connection_id = :connection_id for update;

-- name: change (app, engine)
-- A connection's new settings. Given a secret (also none: fresh), it takes the old one's place; without tokens the state is what it is set to.
update connections set
    config = :config, allowed_hosts = :allowed_hosts, rate_count = :rate_count, rate_per = :rate_per, usable_by = :usable_by,
    provider_id = :provider_id,
    secret = case when :fresh::boolean then :secret else secret end,
    secret_version = secret_version + :fresh::boolean::integer,
    tokens = case when :forget::boolean then null else tokens end,
    token_version = token_version + :forget::boolean::integer,
    expires_at = case when :forget::boolean then null else expires_at end,
    refresh_at = case when :forget::boolean then null else refresh_at end,
    rest_until = null,
    state = :state, reason = :reason, updated_at = now()
where workspace_id = :workspace_id and connection_id = :connection_id;

-- name: revoke (app, engine)
-- A connection's credential is gone.
update connections set secret = null, secret_version = secret_version + 1, tokens = null, token_version = token_version + 1,
    expires_at = null, refresh_at = null, lease_until = null, rest_until = null, state = 'revoked', reason = :reason, updated_at = now()
where workspace_id = :workspace_id and connection_id = :connection_id;

-- name: delete (app, engine)
-- A connection goes, with its consents under way and its uses.
delete from connections where workspace_id = :workspace_id and connection_id = :connection_id;

-- name: uses (app, engine)
-- The living workflows whose live versions name these connections.
select u.connection_id, w.name as workflow from connections_uses u
join workflows w on w.workflow_id = u.workflow_id and w.status <> 'deleted'
where u.connection_id = any(:connection_ids)
order by u.connection_id, w.name;

-- name: unuse (app, engine)
-- A workflow's live version names no connection any more.
delete from connections_uses where workspace_id = :workspace_id and workflow_id = :workflow_id;

-- name: use (app, engine)
-- A workflow's live version names these connections; gives those that there are.
insert into connections_uses (workspace_id, connection_id, workflow_id)
select c.workspace_id, c.connection_id, :workflow_id from connections c
where c.workspace_id = :workspace_id and c.name = any(:names)
order by c.connection_id
on conflict do nothing
returning connection_id;
