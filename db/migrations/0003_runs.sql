-- Runs: header, log and payloads in weeks; the open ones in a queue; what came from outside in an inbox.
--
-- A run's id is a UUIDv7 and so carries its time: header, log rows and payloads of a run lie in the same week, and every
-- query by run_id looks into one partition. Nobody but the owner has a right on a partition, because policies stand on
-- the parents only. There is no default partition: attaching a week beside one waits for its readers.

create table workflow_runs (
    workspace_id bigint not null,
    run_id uuid not null primary key,
    workflow_id uuid not null,
    version integer not null,
    compiled_hash text not null,
    status text not null default 'queued',
    carrier text not null default 'temporal',
    trigger_type text not null,
    trigger_id text,
    trigger json not null,
    output json,
    error json,
    warnings json,
    test boolean not null default false,
    options json,
    replay_of uuid,
    parent_run_id uuid,
    parent_path text,
    depth smallint not null default 0,
    -- The workflows whose runs led to this one by events and ends, first to last.
    chain uuid[],
    origin text not null,
    reply_until timestamptz,
    response json,
    concurrency_key text,
    log text not null default 'full',
    retention_days integer not null default 30,
    queued_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz,
    cancel_requested_at timestamptz,
    cancel_reason text,
    expires_at timestamptz,
    -- A pinned run is kept, with all that belongs to it, whatever its retention says.
    pinned_at timestamptz,
    pinned_by text,
    pinned_reason text,
    -- The number of the last change of this run or of one of its steps; status_seq: of the header's own last change.
    event_seq bigint not null default 1,
    status_seq bigint not null default 1,
    -- The transaction that changed the header last: the order of the workspace's stream.
    changed_xid bigint not null default (pg_current_xact_id()::text::bigint),
    search tsvector,
    constraint workflow_runs_status check (status in
        ('queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'timed_out')),
    constraint workflow_runs_carrier check (carrier in ('temporal', 'inline', 'simulation')),
    constraint workflow_runs_log check (log in ('full', 'errors', 'none')),
    constraint workflow_runs_terminal_has_time check
        ((status in ('succeeded', 'failed', 'cancelled', 'timed_out')) = (finished_at is not null)),
    constraint workflow_runs_terminal_expires check ((expires_at is null) = (finished_at is null)),
    constraint workflow_runs_output_is_no_failures check (output is null or status in ('succeeded', 'cancelled')),
    constraint workflow_runs_child_has_path check ((parent_run_id is null) = (parent_path is null)),
    constraint workflow_runs_retention check (retention_days between 0 and 36500),
    constraint workflow_runs_pin_is_whole check
        (pinned_at is not null or (pinned_by is null and pinned_reason is null))
) partition by range (run_id);
create index workflow_runs_workspace on workflow_runs (workspace_id, run_id desc);
create index workflow_runs_workflow on workflow_runs (workflow_id, run_id desc);
create index workflow_runs_unlucky on workflow_runs (workspace_id, run_id desc)
    where status in ('failed', 'cancelled', 'timed_out');
create index workflow_runs_unlucky_of_workflow on workflow_runs (workflow_id, run_id desc)
    where status in ('failed', 'cancelled', 'timed_out');
create index workflow_runs_parent on workflow_runs (parent_run_id) where parent_run_id is not null;
create index workflow_runs_changed on workflow_runs (workspace_id, changed_xid, run_id);
create index workflow_runs_pinned on workflow_runs (workspace_id, run_id desc) where pinned_at is not null;
-- Runs kept for 30 days or longer go with their week, and by the second index where another run holds the week.
create index workflow_runs_expires on workflow_runs (expires_at) where retention_days < 30 and pinned_at is null;
create index workflow_runs_expires_late on workflow_runs (expires_at) where retention_days >= 30 and pinned_at is null;
create index workflow_runs_kept_bare on workflow_runs (finished_at) where log = 'none';
create index workflow_runs_search on workflow_runs using gin (search);

-- One row for each attempt of each step. seq numbers the run's changes (its stream); ordinal the rows as they came.
create table workflow_execution_logs (
    workspace_id bigint not null,
    run_id uuid not null,
    path text not null,
    attempt integer not null,
    workflow_id uuid not null,
    step text not null,
    module text not null,
    iteration integer,
    status text not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    input json,
    output json,
    error json,
    handle text,
    logs json,
    wait_kind text,
    wait_reason text,
    wait_until timestamptz,
    resume_url text,
    child_run_id uuid,
    mocked text,
    idempotency_key text,
    retry_at timestamptz,
    ordinal bigint not null,
    seq bigint not null,
    primary key (run_id, path, attempt),
    constraint workflow_execution_logs_status check (status in
        ('running', 'waiting', 'succeeded', 'failed', 'skipped', 'cancelled')),
    constraint workflow_execution_logs_terminal_has_time check
        ((status in ('running', 'waiting')) = (finished_at is null)),
    constraint workflow_execution_logs_wait_kind check (wait_kind in ('event', 'timer', 'child', 'retry', 'throttle')),
    constraint workflow_execution_logs_mocked check (mocked in ('mock', 'last_output', 'example', 'schema', 'replay')),
    constraint workflow_execution_logs_attempt check (attempt >= 0)
) partition by range (run_id);
create index workflow_execution_logs_order on workflow_execution_logs (run_id, started_at, ordinal);
create index workflow_execution_logs_seq on workflow_execution_logs (run_id, seq);

-- The words of an open run's steps, until they join the run's own: at each wait, so that a waiting run is found by them, and
-- at its end, where the row goes. A table of its own, since every change of an indexed column writes all indexes of a header.
create table workflow_words (
    workspace_id bigint not null,
    run_id uuid primary key,
    words text[] not null
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);

-- Data too large for the rows that refer to it, under the hash of its bytes. kind: data (header or log rows refer to it),
-- carrier (the execution's own, encrypted, never shown).
create table workflow_payloads (
    workspace_id bigint not null,
    run_id uuid not null,
    ref text not null,
    kind text not null,
    media_type text not null,
    bytes bytea not null,
    created_at timestamptz not null default now(),
    primary key (run_id, ref),
    constraint workflow_payloads_kind check (kind in ('data', 'carrier'))
) partition by range (run_id);

-- One row for each open run; it goes when the run ends.
--
--   blocked   an earlier run of this workflow with the same concurrency_key is open
--   capped    as many of the workflow's runs have gone further as its cap allows
--   ready     may be claimed: nothing but hands is missing
--   starting  claimed until lease_until; then anybody may claim it again. Without a holder it only waits for that time
--   started   Temporal knows it
--
-- Whoever ends a run lets the next one of its key and of its workflow go, so that a claim looks at nothing that can't go. Only ends and accepts of
-- one key, or of one workflow with a cap, meet under an advisory lock; nobody ever waits for an item.
--
-- Claims are fair by workspaces, which take turns, and inside of one by `turn` (start-time fair queueing): a run's turn is one after the last that its
-- workflow has, but not before the workspace's current one. So a workflow's first run stands beside the others' next ones, however many they have.
create table workflow_execution_queue (
    workspace_id bigint not null,
    run_id uuid primary key,
    workflow_id uuid not null,
    concurrency_key text,
    seq bigint generated always as identity,
    state text not null,
    -- False for a child: it runs in its parent's place under the cap.
    counted boolean not null default true,
    holder text,
    lease_epoch integer not null default 0,
    lease_until timestamptz,
    -- A start was sent under some claim, so an execution may exist. Set without waiting for the disk.
    sent boolean not null default false,
    turn bigint not null default 0,
    attempts integer not null default 0,
    -- True: the run began before and its execution was lost; it takes over what its log has.
    recovered boolean not null default false,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    -- Why the engine can't go on with a started run, in words; null while it can.
    trouble text,
    constraint workflow_execution_queue_state check (state in ('blocked', 'capped', 'ready', 'starting', 'started')),
    constraint workflow_execution_queue_lease check ((state = 'starting') = (lease_until is not null)),
    constraint workflow_execution_queue_blocked_has_key check (state <> 'blocked' or concurrency_key is not null),
    constraint workflow_execution_queue_capped_counts check (state <> 'capped' or counted)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);
create index workflow_execution_queue_ready on workflow_execution_queue (workspace_id, turn, seq) where state = 'ready';
create index workflow_execution_queue_turn on workflow_execution_queue (workflow_id, turn) where state = 'ready';
create index workflow_execution_queue_busy on workflow_execution_queue (workflow_id, seq)
    where state in ('ready', 'starting', 'started') and counted;
create index workflow_execution_queue_capped on workflow_execution_queue (workflow_id, seq) where state = 'capped';
create index workflow_execution_queue_blocked on workflow_execution_queue (workflow_id, concurrency_key, seq)
    where state = 'blocked';
create index workflow_execution_queue_trouble on workflow_execution_queue (run_id) where trouble is not null;
create index workflow_execution_queue_key on workflow_execution_queue (workflow_id, concurrency_key, seq)
    where concurrency_key is not null;
create index workflow_execution_queue_lease on workflow_execution_queue (lease_until) where state = 'starting';
create index workflow_execution_queue_workspace on workflow_execution_queue (workspace_id, run_id desc);

-- The inbox: what came from outside, committed before its answer.
--
--   waiting    something is still to be done before a run starts; from next_at on, by whoever holds it until lease_until
--   accepted   its run was taken in with this verdict, in one transaction
--   duplicate  its source's dedupe_key came before; run_id is what that one started, once it has
--   refused    it was answered with a refusal, or could never start a run: reason says why
--   failed     it was tried too often; a replay makes it wait again
--   dropped    somebody dropped it, or its workflow went, while it waited
--
-- Those of one source are taken in the order of their ids. A source's dedupe_key counts until dedupe_until. What came (head, and raw with a
-- first byte that says whether it is closed) goes earlier than the row; what came for several triggers, or several times, is shared by content_of.
create table events_to_be_processed (
    workspace_id bigint not null,
    event_id uuid primary key,
    kind text not null,
    source text not null,
    workflow_id uuid,
    trigger_id text,
    dedupe_key text,
    dedupe_until timestamptz,
    run_id uuid,
    verdict text not null,
    reason text,
    attempts integer not null default 0,
    next_at timestamptz,
    lease_epoch integer not null default 0,
    lease_until timestamptz,
    received_at timestamptz not null default now(),
    size integer not null default 0,
    head json,
    raw bytea,
    content_of uuid,
    constraint events_kind check (kind in ('api', 'webhook', 'email', 'schedule', 'event', 'workflow', 'poll')),
    constraint events_verdict check (verdict in ('waiting', 'accepted', 'duplicate', 'refused', 'failed', 'dropped')),
    constraint events_waiting_has_time check ((verdict = 'waiting') = (next_at is not null)),
    constraint events_lease_waits check (lease_until is null or verdict = 'waiting'),
    constraint events_accepted_has_run check (verdict <> 'accepted' or run_id is not null),
    constraint events_dedupe_has_key check (dedupe_until is null or dedupe_key is not null)
) with (autovacuum_vacuum_scale_factor = 0.05);
create unique index events_dedupe on events_to_be_processed (workspace_id, source, dedupe_key)
    where dedupe_until is not null;
create index events_received on events_to_be_processed (received_at) where kind <> 'api';
create index events_api_over on events_to_be_processed (dedupe_until nulls first) where kind = 'api';
create index events_of_workflow on events_to_be_processed (workflow_id, event_id desc) where kind <> 'api';
create index events_newest on events_to_be_processed (workspace_id, event_id desc) where kind <> 'api';
create index events_waiting on events_to_be_processed (workspace_id, source, event_id) where verdict = 'waiting';
create index events_kept on events_to_be_processed (received_at) where head is not null;
create index events_content on events_to_be_processed (content_of) where content_of is not null;

-- Bodies posted to the resume addresses of steps; one a step, kept if it comes before the step waits.
create table workflow_resumes (
    workspace_id bigint not null,
    run_id uuid not null,
    path text not null,
    body json,
    posted_at timestamptz not null default now(),
    primary key (run_id, path)
);
create index workflow_resumes_posted on workflow_resumes (posted_at);

-- The outbox of wake-ups for executions. What they tell stands in other rows already, so losing or repeating one is harmless.
create table workflow_signals (
    workspace_id bigint not null,
    signal_id bigint generated always as identity primary key,
    run_id uuid not null,
    kind text not null,
    path text,
    child_run_id uuid,
    created_at timestamptz not null default now(),
    lease_until timestamptz not null default '-infinity',
    constraint workflow_signals_kind check (kind in ('cancel', 'resume', 'child')),
    constraint workflow_signals_child check ((kind = 'child') = (child_run_id is not null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);
create index workflow_signals_run on workflow_signals (run_id);

call protect_tenant_table('workflow_runs');
call protect_tenant_table('workflow_execution_logs');
call protect_tenant_table('workflow_payloads');
call protect_tenant_table('workflow_words');
call protect_tenant_table('workflow_execution_queue');
call protect_tenant_table('events_to_be_processed');
call protect_tenant_table('workflow_resumes');
call protect_tenant_table('workflow_signals');

grant select, insert, update, delete on workflow_runs, workflow_execution_logs, workflow_payloads,
    workflow_words, workflow_execution_queue, events_to_be_processed, workflow_resumes, workflow_signals to ms_app, ms_engine;
