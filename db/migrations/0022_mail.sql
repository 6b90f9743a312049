-- Addresses of triggers that mail starts runs by.
--
-- A trigger has its address for good: over deployments, rollbacks and the times in which no version has it. live: the live version has the
-- trigger, and the alias is that version's. An alias belongs to one trigger of the installation.
create table workflow_email_routes (
    workspace_id bigint not null,
    route_id uuid primary key,
    workflow_id uuid not null,
    trigger_id text not null,
    -- The part before the @, which nobody guesses: 100 random bits.
    address text not null unique,
    alias text unique,
    live boolean not null,
    allow_from text[] not null default '{}',
    created_at timestamptz not null default now(),
    unique (workflow_id, trigger_id),
    foreign key (workspace_id, workflow_id) references workflows (workspace_id, workflow_id) on delete cascade,
    constraint workflow_email_routes_address check (address ~ '^[a-z2-7]{20}$'),
    constraint workflow_email_routes_alias check (alias ~ '^[a-z0-9._-]{3,63}$' and alias !~ '^[a-z2-7]{20}$'),
    constraint workflow_email_routes_alias_lives check (alias is null or live)
);
create index workflow_email_routes_newest on workflow_email_routes (workspace_id, route_id desc);

call protect_tenant_table('workflow_email_routes');
grant select, insert, update, delete on workflow_email_routes to ms_app, ms_engine;
call audit_table('workflow_email_routes', 'email_route', '($1).route_id', '($1).trigger_id', 'alias live allow_from',
    'route_id workflow_id trigger_id address created_at');

-- The live version has the trigger. False: another trigger has the alias, of whichever workspace; nothing was changed then.
create function bind_email_route(
    workspace bigint, workflow uuid, trigger_name text, new_route uuid, new_address text, wanted_alias text, senders text[]
) returns boolean
language plpgsql as $$
begin
    insert into workflow_email_routes as r (workspace_id, route_id, workflow_id, trigger_id, address, alias, live, allow_from)
    values (workspace, new_route, workflow, trigger_name, new_address, wanted_alias, true, senders)
    on conflict (workflow_id, trigger_id) do update set alias = excluded.alias, live = true, allow_from = excluded.allow_from
    where (r.alias, r.live, r.allow_from) is distinct from (excluded.alias, true, excluded.allow_from);
    return true;
exception when unique_violation then
    return false;
end
$$;
revoke all on function bind_email_route from public;
grant execute on function bind_email_route to ms_app, ms_engine;

insert into access_rights (role, action) values
    ('viewer', 'email_routes.read'), ('editor', 'email_routes.read'), ('owner', 'email_routes.read');
