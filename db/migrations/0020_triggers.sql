-- What starts runs by itself, and who may see and change it.

-- Writes an event into the inbox; one whose key its source had within the window is noted as a duplicate of that one, and changes nothing else.
-- event: {event_id, kind, source, workflow_id, trigger_id, dedupe_key, window_s, size}; the last five may be absent. Gives the run of whichever event
-- counts: `run` of this one, null while it waits.
create function note_event(workspace bigint, event jsonb, event_head json, event_raw bytea, said text, run uuid) returns uuid
language plpgsql as $$
declare
    own uuid := (event ->> 'event_id')::uuid;
    span interval := make_interval(secs => (event ->> 'window_s')::double precision);
    first events_to_be_processed;
begin
    if event ->> 'dedupe_key' is not null then
        update events_to_be_processed e set dedupe_until = null
        where e.workspace_id = workspace and e.source = event ->> 'source' and e.dedupe_key = event ->> 'dedupe_key'
            and e.dedupe_until <= now();
    end if;
    insert into events_to_be_processed
        (workspace_id, event_id, kind, source, workflow_id, trigger_id, dedupe_key, dedupe_until, run_id, verdict, next_at, size, head, raw)
    values (workspace, own, event ->> 'kind', event ->> 'source', (event ->> 'workflow_id')::uuid, event ->> 'trigger_id',
        event ->> 'dedupe_key', case when event ->> 'dedupe_key' is not null then now() + span end, run, said,
        case when said = 'waiting' then now() end, coalesce((event ->> 'size')::integer, 0), event_head, event_raw)
    on conflict (workspace_id, source, dedupe_key) where dedupe_until is not null do nothing;
    if found then
        return run;
    end if;
    select * into first from events_to_be_processed e
    where e.workspace_id = workspace and e.source = event ->> 'source' and e.dedupe_key = event ->> 'dedupe_key'
        and e.dedupe_until is not null;
    if event ->> 'kind' <> 'api' then
        insert into events_to_be_processed
            (workspace_id, event_id, kind, source, workflow_id, trigger_id, dedupe_key, run_id, verdict, reason, size,
            content_of)
        values (workspace, own, event ->> 'kind', event ->> 'source', (event ->> 'workflow_id')::uuid, event ->> 'trigger_id',
            event ->> 'dedupe_key', first.run_id, 'duplicate', 'It came before, as the event ' || first.event_id || '.',
            coalesce((event ->> 'size')::integer, 0), coalesce(first.content_of, first.event_id));
    end if;
    return first.run_id;
end
$$;

revoke all on function note_event from public;
grant execute on function note_event to ms_app, ms_engine;

-- When a workflow's schedules are due. A row stays as long as its workflow; it is live while the live version has the trigger.
--
--   next_at   the next time; null while none is to come: the schedule isn't live, it or its workflow is paused
--   due_at    when that time's run is to start: later by the schedule's jitter
--
-- Whoever finds a row due writes its times into the inbox and moves next_at on, in one transaction: each time once, whoever dies.
create table schedules (
    workspace_id bigint not null,
    schedule_id uuid primary key,
    workflow_id uuid not null,
    trigger_id text not null,
    live boolean not null,
    cron text,
    every_s double precision,
    timezone text not null,
    overlap text not null,
    catchup_s double precision not null,
    jitter_s double precision not null,
    paused_at timestamptz,
    pause_reason text,
    next_at timestamptz,
    due_at timestamptz,
    last_at timestamptz,
    created_at timestamptz not null default now(),
    unique (workflow_id, trigger_id),
    foreign key (workspace_id, workflow_id) references workflows (workspace_id, workflow_id) on delete cascade,
    constraint schedules_one_timing check ((cron is null) <> (every_s is null)),
    constraint schedules_overlap check (overlap in ('skip', 'buffer_one', 'buffer_all', 'cancel_other', 'allow_all')),
    constraint schedules_due_with_next check ((next_at is null) = (due_at is null)),
    constraint schedules_stand_still check (next_at is null or (live and paused_at is null))
);
create index schedules_due on schedules (due_at) where due_at is not null;
create index schedules_newest on schedules (workspace_id, schedule_id desc);

call protect_tenant_table('schedules');
grant select, insert, update, delete on schedules to ms_app, ms_engine;
call audit_table('schedules', 'schedule', '($1).schedule_id', '($1).trigger_id', 'live cron every_s timezone overlap catchup_s jitter_s paused_at pause_reason',
    'schedule_id workflow_id trigger_id next_at due_at last_at created_at');

-- The end of a scheduled run lets the next time go that waits for it. What somebody holds is being looked at, and looked at again soon.
create function schedule_goes_on(run workflow_runs) returns void
language sql as $$
    with waiting as materialized (
        select w.event_id from events_to_be_processed w
        where w.workspace_id = run.workspace_id and w.source = 'schedule:' || run.workflow_id || ':' || run.trigger_id
            and w.verdict = 'waiting' and w.next_at > now()
        for update skip locked
    )
    update events_to_be_processed e set next_at = now() from waiting w where e.event_id = w.event_id
$$;
revoke all on function schedule_goes_on from public;
grant execute on function schedule_goes_on to ms_app, ms_engine;

insert into access_rights (role, action) values
    ('viewer', 'inbox.read'), ('editor', 'inbox.read'), ('owner', 'inbox.read'),
    ('editor', 'inbox.write'), ('owner', 'inbox.write'),
    ('viewer', 'schedules.read'), ('editor', 'schedules.read'), ('owner', 'schedules.read'),
    ('editor', 'schedules.write'), ('owner', 'schedules.write');
