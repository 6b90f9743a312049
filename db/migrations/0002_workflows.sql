-- Workflows, their versions, and what they read: modules, variables, key-values.

create table workflows (
    workspace_id bigint not null references workspaces on delete cascade,
    workflow_id uuid primary key,
    name text not null,
    status text not null default 'active',
    live_version integer,
    -- Of the live version: how many of its runs may be open at once.
    max_concurrent_runs integer,
    created_at timestamptz not null default now(),
    created_by bigint references users on delete set null,
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (workspace_id, workflow_id),
    constraint workflows_name check (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    constraint workflows_status check (status in ('active', 'paused', 'deleted')),
    constraint workflows_deleted_has_time check ((status = 'deleted') = (deleted_at is not null)),
    constraint workflows_cap_is_positive check (max_concurrent_runs > 0)
);
create unique index workflows_name on workflows (workspace_id, name) where status <> 'deleted';

-- Version 0 is the draft; its revision grows with each save. Numbered versions never change.
create table workflows_versions (
    workspace_id bigint not null,
    workflow_id uuid not null,
    version integer not null,
    revision integer not null default 1,
    document json not null,
    content_hash text not null,
    note text,
    created_at timestamptz not null default now(),
    created_by bigint references users on delete set null,
    primary key (workflow_id, version),
    foreign key (workspace_id, workflow_id) references workflows (workspace_id, workflow_id) on delete cascade,
    constraint workflows_versions_version check (version >= 0),
    constraint workflows_versions_revision check (revision > 0)
);
create unique index workflows_versions_content on workflows_versions (workflow_id, content_hash) where version > 0;
create index workflows_versions_workspace on workflows_versions (workspace_id);

-- What a run executes: a document with what its modules declared when it was compiled. Each distinct one is kept once,
-- under the hash of its bytes, so that a run keeps the bytes that it began with while drafts and modules move on.
-- retired_at: nothing refers to it; it goes an hour later, unless a run begins with it first.
create table workflows_documents (
    workspace_id bigint not null references workspaces on delete cascade,
    compiled_hash text not null,
    content_hash text not null,
    compiled json not null,
    created_at timestamptz not null default now(),
    retired_at timestamptz,
    primary key (workspace_id, compiled_hash)
);

-- The registry. workspace_id is null for modules that come with the product.
create table workflows_modules (
    workspace_id bigint references workspaces on delete cascade,
    module text not null,
    version integer not null,
    title text not null,
    category text not null,
    kind text not null,
    effect text not null,
    idempotent boolean not null,
    input_schema json not null,
    output_schema json not null,
    handles json not null,
    slots text[] not null,
    timeout double precision not null,
    retry json not null,
    example json not null,
    manual text not null,
    -- False once the code is gone; documents may still name it.
    available boolean not null default true,
    updated_at timestamptz not null default now(),
    unique nulls not distinct (workspace_id, module, version),
    constraint workflows_modules_version check (version > 0),
    constraint workflows_modules_kind check (kind in ('trigger', 'control', 'action')),
    constraint workflows_modules_effect check (effect in ('none', 'read', 'write', 'by_input'))
);

-- The id is fixed at creation and stays on a rename, so that references to it hold.
create table workflows_variables (
    workspace_id bigint not null references workspaces on delete cascade,
    variable_id uuid primary key,
    name text not null,
    value json not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    updated_by bigint references users on delete set null,
    unique (workspace_id, name),
    constraint workflows_variables_name check (name ~ '^[A-Za-z_][A-Za-z0-9_]{0,62}$')
);

-- scope is the workflow's id, or empty for the workspace's own keys. Version 0 exists only inside a transaction that is
-- about to write the key's first value.
create table key_values (
    workspace_id bigint not null references workspaces on delete cascade,
    scope text not null,
    key text not null,
    value json,
    version bigint not null,
    expires_at timestamptz,
    updated_at timestamptz not null default now(),
    primary key (workspace_id, scope, key),
    constraint key_values_key_is_short check (length(key) between 1 and 512)
) with (fillfactor = 80);
create index key_values_expires on key_values (expires_at) where expires_at is not null;

-- What each write answered, by the idempotency key of the step that made it: the same write again changes nothing.
create table key_value_operations (
    workspace_id bigint not null references workspaces on delete cascade,
    operation text not null,
    answer json not null,
    created_at timestamptz not null default now(),
    primary key (workspace_id, operation)
);
create index key_value_operations_created on key_value_operations (created_at);

call protect_tenant_table('workflows');
call protect_tenant_table('workflows_versions');
call protect_tenant_table('workflows_documents');
call protect_tenant_table('workflows_variables');
call protect_tenant_table('key_values');
call protect_tenant_table('key_value_operations');

alter table workflows_modules enable row level security;
alter table workflows_modules force row level security;
create policy tenant on workflows_modules for select to ms_app
    using (workspace_id is null or workspace_id = nullif(current_setting('app.ws', true), '')::bigint);
create policy engine on workflows_modules to ms_engine using (true) with check (true);

grant select, insert, update, delete on workflows, workflows_versions, workflows_documents, workflows_variables,
    key_values, key_value_operations to ms_app, ms_engine;
grant select on workflows_modules to ms_app;
grant select, insert, update, delete on workflows_modules to ms_engine;
