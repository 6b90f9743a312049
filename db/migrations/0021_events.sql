-- What workflows tell each other: who listens, which steps wait under a key, and what came before anybody waited for it.

-- Triggers of live versions that start at what happens here.
--
--   kind event      at events of these names, whose data the filter lets through
--   kind workflow   at ends of runs of workflows of these names ('*': of any), with one of these statuses
create table workflow_listeners (
    workspace_id bigint not null,
    workflow_id uuid not null,
    trigger_id text not null,
    kind text not null,
    names text[] not null,
    statuses text[],
    filter json,
    primary key (workflow_id, trigger_id),
    foreign key (workspace_id, workflow_id) references workflows (workspace_id, workflow_id) on delete cascade,
    constraint workflow_listeners_kind check (kind in ('event', 'workflow')),
    constraint workflow_listeners_ends check ((kind = 'workflow') = (statuses is not null))
);
create index workflow_listeners_kind on workflow_listeners (workspace_id, kind);

-- Steps that wait for an event under a key. Who changes or reads those of a key to act on them holds the key's lock: so an event either finds
-- a wait, or is found by it. A row may outlive its step's wait; the log tells.
create table event_waits (
    workspace_id bigint not null,
    run_id uuid not null,
    path text not null,
    key text not null,
    schema json,
    primary key (run_id, path)
);
create index event_waits_key on event_waits (workspace_id, key);

-- Events that nobody waited for when they came; each ends one wait.
create table kept_events (
    workspace_id bigint not null,
    event_id uuid primary key,
    key text not null,
    name text not null,
    data json,
    until timestamptz not null
);
create index kept_events_key on kept_events (workspace_id, key, event_id);
create index kept_events_until on kept_events (until);

call protect_tenant_table('workflow_listeners');
call protect_tenant_table('event_waits');
call protect_tenant_table('kept_events');
grant select, insert, update, delete on workflow_listeners, event_waits, kept_events to ms_app, ms_engine;

-- An id in the order of time, as the program makes them.
create function new_uuid7() returns uuid
language sql volatile as $$
    select encode(overlay(uuid_send(gen_random_uuid())
        placing int8send((us / 1000) << 16 | 28672 | (us % 1000) * 4096 / 1000) from 1 for 8), 'hex')::uuid
    from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as us) as t
$$;
revoke all on function new_uuid7 from public;
grant execute on function new_uuid7 to ms_app, ms_engine;

-- The end of a run starts what listens to it: never a test, never the run's own workflow, and none that has led to it.
create function tell_end(run workflow_runs, end_status text) returns void
language sql as $$
    insert into events_to_be_processed (workspace_id, event_id, kind, source, workflow_id, trigger_id, verdict, next_at, head)
    select run.workspace_id, new_uuid7(), 'workflow', 'workflow:' || l.workflow_id || ':' || l.trigger_id, l.workflow_id, l.trigger_id,
        'waiting', now(), json_build_object('run_id', run.run_id)
    from workflow_listeners l
    join workflows w on w.workflow_id = run.workflow_id
    where l.workspace_id = run.workspace_id and l.kind = 'workflow' and end_status = any (l.statuses) and l.names && array['*', w.name]
        and not run.test and l.workflow_id <> run.workflow_id and l.workflow_id <> all (coalesce(run.chain, '{}'))
$$;
revoke all on function tell_end from public;
grant execute on function tell_end to ms_app, ms_engine;

insert into access_rights (role, action) values
    ('editor', 'events.publish'), ('owner', 'events.publish');
