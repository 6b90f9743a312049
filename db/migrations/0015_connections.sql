-- Connections: what a workspace may use of other systems, with the credential for it.
--
--   connections              one row each: what it is (app, kind, config), its closed credential, and how it stands
--   connections_providers    the workspace's own OAuth clients, which connections of the kind oauth2 may refer to
--   connections_uses         which workflows' live versions name a connection
--   interim_app_credentials  a consent under way: begun by a person, ended once by the provider's redirect
--
-- A connection:  ok ──refused by the provider──► needs_reauth ──a person consents, or gives a new secret──► ok
--                 └──────────────revoked by a person──► revoked ──────────────────the same──────────────────┘
--
-- The closed columns, each bound to its table, column, workspace and row:
--   connections.secret           what a person gave; secret_version grows with each change
--   connections.tokens           what the provider gave; token_version grows with each change
--   connections_providers.client_secret, interim_app_credentials.secret
--
-- Invariants:
-- - Tokens are used only when they are committed, and a refresh token is sent by the one who holds the lease: no two processes send one.
-- - A refresh is written where token_version is still what it was read as. So an answer that comes later than the lease isn't lost while
--   nobody else got one, and never overwrites a newer one.
-- - What a refused refresh changes (needs_reauth) is written only where token_version and the lease's epoch are still the refused one's.
-- - A consent is taken away by the statement that reads it, so it ends once.
-- - A connection that a live version names isn't deleted, unless a person says so: the use's foreign key waits for the deletion, or it for the use.
--
-- Lock order: the workflow (deploying) → connections by id, shared (uses) | the connection alone (changes, deletion, refresh). Nobody holds one over a
-- request to a provider: the lease is a time in the row.

create table connections_providers (
    workspace_id bigint not null references workspaces on delete cascade,
    provider_id uuid primary key,
    name text not null,
    config json not null,
    client_secret bytea,
    created_at timestamptz not null default now(),
    created_by bigint references users on delete set null,
    updated_at timestamptz not null default now(),
    unique (workspace_id, name),
    unique (workspace_id, provider_id),
    constraint connections_providers_name check (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$')
);

create table connections (
    workspace_id bigint not null references workspaces on delete cascade,
    connection_id uuid primary key,
    name text not null,
    app text not null,
    kind text not null,
    config json not null,
    -- Null where the kind needs none, and after a revocation.
    secret bytea,
    secret_version integer not null default 1,
    allowed_hosts text[] not null,
    rate_count integer,
    rate_per double precision,
    usable_by text not null default 'editor',
    state text not null default 'ok',
    -- Why it isn't ok, for people; never what a provider answered.
    reason text,
    provider_id uuid,
    tokens bytea,
    token_version integer not null default 0,
    -- When the access token ends; null without one, or where the provider doesn't say.
    expires_at timestamptz,
    -- From when on a new one is asked for.
    refresh_at timestamptz,
    lease_epoch bigint not null default 0,
    lease_until timestamptz,
    -- No refresh before: the last one failed for a reason that may pass.
    rest_until timestamptz,
    created_at timestamptz not null default now(),
    created_by bigint references users on delete set null,
    updated_at timestamptz not null default now(),
    unique (workspace_id, name),
    unique (workspace_id, connection_id),
    foreign key (workspace_id, provider_id) references connections_providers (workspace_id, provider_id),
    constraint connections_name check (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    constraint connections_kind check
        (kind in ('api_key', 'basic', 'bearer', 'header', 'oauth2', 'postgres', 'smtp', 'imap', 'llm')),
    constraint connections_state check (state in ('ok', 'needs_reauth', 'revoked')),
    constraint connections_reason check ((state = 'ok') = (reason is null)),
    constraint connections_usable_by check (usable_by in ('owner', 'editor')),
    constraint connections_rate check ((rate_count is null) = (rate_per is null) and rate_count > 0 and rate_per > 0),
    constraint connections_tokens check (tokens is null or kind = 'oauth2')
) with (fillfactor = 80);
create index connections_provider on connections (provider_id) where provider_id is not null;

create table connections_uses (
    workspace_id bigint not null,
    connection_id uuid not null,
    workflow_id uuid not null,
    primary key (connection_id, workflow_id),
    foreign key (workspace_id, connection_id) references connections (workspace_id, connection_id) on delete cascade,
    foreign key (workspace_id, workflow_id) references workflows (workspace_id, workflow_id) on delete cascade
);
create index connections_uses_workflow on connections_uses (workflow_id);

create table interim_app_credentials (
    workspace_id bigint not null references workspaces on delete cascade,
    -- SHA-256 of the `state` that the provider sends back.
    state_hash bytea primary key,
    connection_id uuid not null,
    user_id bigint references users on delete set null,
    -- The code verifier (RFC 7636), closed.
    secret bytea not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    foreign key (workspace_id, connection_id) references connections (workspace_id, connection_id) on delete cascade,
    constraint interim_app_credentials_hash_is_sha256 check (octet_length(state_hash) = 32)
);
create index interim_app_credentials_expires on interim_app_credentials (expires_at);
create index interim_app_credentials_connection on interim_app_credentials (connection_id);

call protect_tenant_table('connections_providers');
call protect_tenant_table('connections');
call protect_tenant_table('connections_uses');
call protect_tenant_table('interim_app_credentials');

grant select, insert, update, delete on connections_providers, connections, connections_uses, interim_app_credentials
    to ms_app, ms_engine;

insert into access_rights (role, action) values
    ('viewer', 'connections.names'), ('editor', 'connections.names'), ('owner', 'connections.names'),
    ('editor', 'connections.read'), ('owner', 'connections.read'),
    ('editor', 'connections.use'), ('owner', 'connections.use'),
    ('owner', 'connections.write');
