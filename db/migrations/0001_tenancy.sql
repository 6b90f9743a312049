-- Workspaces, people and keys.
--
-- Roles (made before the first migration, for the whole server): ms_owner owns every object and has no login; ms_app acts
-- for one workspace, which each transaction names in the setting app.ws; ms_engine acts for the installation and narrows
-- itself to one workspace by the same setting; ms_search owns the search function and has no login.
-- Every row of a workspace carries workspace_id. A missing or empty app.ws shows ms_app nothing at all.

create table users (
    user_id bigint generated always as identity primary key,
    external_id text unique,
    email text not null,
    name text,
    options jsonb not null default '{}',
    created_at timestamptz not null default now(),
    constraint users_email_has_a_domain check (email like '%_@_%')
);
create unique index users_email on users (lower(email));

create table workspaces (
    workspace_id bigint generated always as identity primary key,
    slug text not null unique,
    name text not null,
    plan text not null default 'self_hosted',
    options jsonb not null default '{}',
    data_protection jsonb not null default '{}',
    created_at timestamptz not null default now(),
    constraint workspaces_slug_is_an_address check (slug ~ '^[a-z0-9][a-z0-9_-]{0,62}$')
);

create table user_roles (
    workspace_id bigint not null references workspaces on delete cascade,
    user_id bigint not null references users on delete cascade,
    role text not null,
    created_at timestamptz not null default now(),
    primary key (user_id, workspace_id),
    constraint user_roles_role check (role in ('owner', 'editor', 'viewer'))
);
create index user_roles_workspace on user_roles (workspace_id);

-- What each role may do. Every route names its action; an action without a row is allowed to nobody.
create table access_rights (
    role text not null,
    action text not null,
    primary key (role, action),
    constraint access_rights_role check (role in ('owner', 'editor', 'viewer'))
);

insert into access_rights (role, action)
select r.role, a.action
from (values
    ('viewer', 'workspace.read'), ('viewer', 'members.read'), ('viewer', 'workflows.read'), ('viewer', 'runs.read'),
    ('viewer', 'modules.read'), ('viewer', 'variables.read'), ('viewer', 'documents.validate'),
    ('viewer', 'expressions.evaluate'),
    ('editor', 'workflows.write'), ('editor', 'workflows.deploy'), ('editor', 'workflows.test'),
    ('editor', 'runs.start'), ('editor', 'runs.cancel'), ('editor', 'runs.replay'), ('editor', 'runs.pin'),
    ('editor', 'variables.write'),
    ('owner', 'workflows.delete'), ('owner', 'members.write'), ('owner', 'keys.read'), ('owner', 'keys.write'),
    ('owner', 'workspace.write')
) as a (least, action)
join (values ('viewer', 1), ('editor', 2), ('owner', 3)) as r (role, rank)
    on r.rank >= case a.least when 'viewer' then 1 when 'editor' then 2 else 3 end;

-- A key has 256 random bits, so a plain hash of it is enough, and lookups are by that hash.
create table api_keys (
    workspace_id bigint not null references workspaces on delete cascade,
    api_key_id uuid primary key,
    user_id bigint references users on delete set null,
    name text not null,
    prefix text not null,
    hash bytea not null unique,
    role text not null,
    scopes text[] not null default '{}',
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    constraint api_keys_role check (role in ('owner', 'editor', 'viewer')),
    constraint api_keys_hash_is_sha256 check (octet_length(hash) = 32)
);
create index api_keys_workspace on api_keys (workspace_id, api_key_id desc);

-- Data keys of a workspace, numbered from 1, each wrapped by the master key with that fingerprint. The master key itself
-- never comes here. The highest number encrypts; the others go on decrypting what they encrypted.
create table workspace_keys (
    workspace_id bigint not null references workspaces on delete cascade,
    number integer not null,
    master text not null,
    wrapped bytea not null,
    created_at timestamptz not null default now(),
    primary key (workspace_id, number),
    constraint workspace_keys_number check (number > 0)
);

-- The answers of API writes that named an Idempotency-Key. No status yet: the first request is still at work.
create table idempotency_keys (
    workspace_id bigint not null references workspaces on delete cascade,
    key text not null,
    route text not null,
    body_hash bytea not null,
    status smallint,
    answer json,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    primary key (workspace_id, key),
    constraint idempotency_keys_answer_comes_with_status check (answer is null or status is not null)
);
create index idempotency_keys_expires on idempotency_keys (expires_at);

-- Gives a table of workspaces' rows its policies: force, so that they bind the owner too.
create procedure protect_tenant_table(name text)
language plpgsql as $$
begin
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format($policy$
        create policy tenant on %I to ms_app
        using (workspace_id = nullif(current_setting('app.ws', true), '')::bigint)
        with check (workspace_id = nullif(current_setting('app.ws', true), '')::bigint)
    $policy$, name);
    execute format($policy$
        create policy engine on %I to ms_engine
        using (workspace_id = coalesce(nullif(current_setting('app.ws', true), '')::bigint, workspace_id))
        with check (workspace_id = coalesce(nullif(current_setting('app.ws', true), '')::bigint, workspace_id))
    $policy$, name);
end
$$;
revoke all on procedure protect_tenant_table from public;

call protect_tenant_table('workspaces');
call protect_tenant_table('user_roles');
call protect_tenant_table('api_keys');
call protect_tenant_table('workspace_keys');
call protect_tenant_table('idempotency_keys');

-- A person belongs to no workspace; a tenant sees those who have a role in its own.
alter table users enable row level security;
alter table users force row level security;
create policy tenant on users for select to ms_app
    using (exists (select from user_roles where user_roles.user_id = users.user_id));
create policy engine on users to ms_engine using (true) with check (true);

grant usage on schema public to ms_app, ms_engine, ms_search;
grant select, insert, update, delete on users, workspaces, user_roles, api_keys, workspace_keys, idempotency_keys
    to ms_engine;
grant select on access_rights to ms_app, ms_engine;
grant select on users to ms_app;
grant select, update on workspaces to ms_app;
grant select, insert, update, delete on user_roles, api_keys, idempotency_keys to ms_app;

-- What time it is for whoever hands out times: the clock's, or what a test has set in app.clock. Unlike now() it goes on
-- inside of a transaction, so who waited for a lock sees when it got it; ask for it in a statement of its own after that.
create function present() returns timestamptz
language sql stable parallel safe as $$
    select coalesce(nullif(current_setting('app.clock', true), '')::timestamptz, clock_timestamp())
$$;
