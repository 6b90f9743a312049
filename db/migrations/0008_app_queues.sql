-- App queues: items gathered, handed out in batches, each batch to one run at a time.
--
--   workflows_app_queues   a queue: its settings and its consumer
--   app_queue              its items, sealed
--   app_queue_keys         its lanes: one row for each ordering key that has items (one lane '' where order is the queue's)
--   app_queue_batches      the open batch of a lane: whose members are fixed until they are done
--   app_queue_logs         each flush and its fate: one row for each run that a batch was given to
--   queue_rate_limiting    when the last flushes were
--   app_queue_counts       what was added and taken away, as small sums
--   app_queue_dedupe, app_queue_operations   what came before
--
-- An item:   (delayed ──► ) waiting ──► a member of its lane's batch ──► gone (the run succeeded)
--                              ▲                 │
--                              └── dead ◄────────┘ (attempts used up; `dead_letter`, `bisect`)
--
-- A lane:    ready ──claim──► held ──(its batch is done)──► ready, or gone when nothing is left
--                              └──(attempts used up; `block`)──► blocked ──resume──► held
--
-- A batch:   claimed ──begin──► running ──(the run succeeded)──► gone, or its next part
--               ▲                  └──(it failed)──► resting ──claim──► claimed, with a new run
--               └── lease over                        └──► blocked
--
-- Invariants:
-- - Order is commit order for each lane: seq is drawn under the lock of the lane's row, in the transaction that adds the item.
-- - A lane has at most one open batch, so at most one run at a time; the batch's members don't change, so each attempt sees the same items.
-- - Claims take lanes, never items, and last milliseconds; a claim is a lease with an epoch, and what comes later than the lease is refused by it.
-- - A batch ends in the transaction that ends its run: neither can be lost without the other.
-- - A lane's row exists exactly while it has items that wait, or a batch. depth and bytes count the waiting items outside of the batch.
-- - Age is that of a lane's first waiting item: since it was added, came to its time (`delay`) or was put back. New items never put a batch off.
-- - Only a run that had an item alone makes it a dead letter under `bisect`. One poison among n costs log2 n runs to find, rounded up, one that has
--   it alone, and one for all that came after it; what is sound is handed out in order, once.
-- - A pause ends each claim that hasn't begun, so no run begins after it; it comes again as the same run when the queue goes on.
--
-- Lock order, after those of runs: the queue's rate row → the queue's advisory lock (3; shared by all who add, begin or end, alone for new settings
-- and deletion) → the operation → dedupe rows by key → lanes by name → batch → sums (only ever inserted). A claim, a pause, a clear and whoever takes the
-- advisory lock alone hold the rate row first, so claims of one queue go one after the other; nobody else takes it. Adding items takes no lock that
-- another lane's producers need. A claim skips lanes that are being added to; only when all that are due are, it waits for one, two seconds at most.
-- A step's items are added after its run's row is locked, and one transaction adds to one queue: who ends a run holds its row and wants its lane.

create sequence app_queue_seq as bigint;
grant usage, select on sequence app_queue_seq to ms_app, ms_engine;

create table workflows_app_queues (
    workspace_id bigint not null references workspaces on delete cascade,
    queue_id uuid primary key,
    name text not null,
    status text not null default 'running',
    flush_batch_size integer not null default 1000,
    flush_record_max_age double precision not null default 60,
    flush_rate_limit_max_flush_count integer not null default 10,
    flush_rate_limit_time_window double precision not null default 1,
    flush_strategy text not null default 'fifo',
    ordering text not null default 'queue',
    max_parallel_batches integer not null default 1,
    on_failure text not null default 'block',
    max_attempts integer not null default 3,
    dedupe_window double precision not null default 86400,
    consumer_workflow_id uuid,
    consumer_trigger_id text,
    -- Who took the items last and doesn't any more, so that a queue that stands still can say why.
    former_workflow_id uuid,
    created_at timestamptz not null default now(),
    created_by bigint references users on delete set null,
    updated_at timestamptz not null default now(),
    unique (workspace_id, name),
    unique (workspace_id, queue_id),
    constraint workflows_app_queues_name check (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    constraint workflows_app_queues_status check (status in ('running', 'paused')),
    constraint workflows_app_queues_batch check (flush_batch_size between 1 and 10000),
    constraint workflows_app_queues_age check (flush_record_max_age between 1 and 86400),
    constraint workflows_app_queues_rate check
        (flush_rate_limit_max_flush_count between 1 and 100000 and flush_rate_limit_time_window between 0.001 and 86400),
    constraint workflows_app_queues_strategy check (flush_strategy = 'fifo' or (flush_strategy = 'lifo' and ordering = 'queue')),
    constraint workflows_app_queues_ordering check (ordering in ('queue', 'key')),
    constraint workflows_app_queues_parallel check
        (max_parallel_batches = 1 or (ordering = 'key' and max_parallel_batches between 2 and 1000)),
    constraint workflows_app_queues_on_failure check (on_failure in ('block', 'dead_letter', 'bisect')),
    constraint workflows_app_queues_attempts check (max_attempts between 1 and 100),
    constraint workflows_app_queues_window check (dedupe_window between 0 and 31536000),
    constraint workflows_app_queues_consumer check ((consumer_workflow_id is null) = (consumer_trigger_id is null))
);
create index workflows_app_queues_consumer on workflows_app_queues (consumer_workflow_id) where consumer_workflow_id is not null;

create table app_queue (
    workspace_id bigint not null,
    queue_id uuid not null,
    item_id uuid not null,
    seq bigint not null,
    -- The ordering key where order is by key, else ''.
    lane text not null,
    ordering_key text,
    state text not null default 'waiting',
    data bytea not null,
    size integer not null,
    -- Attempts that failed.
    attempts integer not null default 0,
    enqueued_at timestamptz not null,
    -- Of a delayed item: when it begins to wait.
    available_at timestamptz,
    -- Of a dead one: the run and the error that ended its last attempt.
    run_id uuid,
    error json,
    failed_at timestamptz,
    primary key (queue_id, item_id),
    constraint app_queue_state check (state in ('waiting', 'delayed', 'dead')),
    constraint app_queue_dead_has_time check ((state = 'dead') = (failed_at is not null)),
    constraint app_queue_delayed_has_time check (state <> 'delayed' or available_at is not null)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
create index app_queue_order on app_queue (queue_id, lane, seq) where state = 'waiting';
create index app_queue_delayed on app_queue (queue_id, available_at) where state = 'delayed';
create index app_queue_dead on app_queue (queue_id, item_id desc) where state = 'dead';

create table app_queue_keys (
    workspace_id bigint not null,
    queue_id uuid not null,
    lane text not null,
    state text not null default 'ready',
    depth integer not null default 0,
    bytes bigint not null default 0,
    -- Of the oldest item that isn't done, one in the batch included.
    oldest_at timestamptz,
    -- When a batch is due: at once when full or asked for, else when the oldest item reaches its age. Null when nothing waits.
    due_at timestamptz,
    -- A flush on demand: items up to here don't wait for their age.
    flush_through bigint not null default 0,
    primary key (queue_id, lane),
    constraint app_queue_keys_state check (state in ('ready', 'held', 'blocked')),
    constraint app_queue_keys_depth check (depth >= 0 and bytes >= 0)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
create index app_queue_keys_due on app_queue_keys (queue_id, due_at) where state = 'ready' and due_at is not null;
create index app_queue_keys_oldest on app_queue_keys (queue_id, oldest_at) where oldest_at is not null;
create index app_queue_keys_blocked on app_queue_keys (queue_id) where state = 'blocked';

create table app_queue_batches (
    workspace_id bigint not null,
    queue_id uuid not null,
    lane text not null,
    -- Also the origin of the batch's runs, so the same for each attempt at it.
    batch_id uuid primary key,
    -- Of the attempt that is being made, or was made last.
    run_id uuid not null unique,
    workflow_id uuid not null,
    state text not null default 'claimed',
    attempt integer not null default 1,
    reason text not null,
    -- By seq, in the order that the run sees them.
    members bigint[] not null,
    -- What comes after this part of a halved batch. `cuts` are the lengths of its parts, in their order: negative that of this part's twin, which
    -- holds the fault if this part doesn't; then that of the tail, of which nothing is known. Null: it was never halved.
    rest bigint[],
    cuts integer[],
    epoch bigint not null,
    holder text,
    lease_until timestamptz,
    not_before timestamptz,
    error json,
    claimed_at timestamptz not null,
    unique (queue_id, lane),
    constraint app_queue_batches_state check (state in ('claimed', 'running', 'resting', 'blocked')),
    constraint app_queue_batches_lease check ((state = 'claimed') = (lease_until is not null)),
    constraint app_queue_batches_rest check ((state = 'resting') = (not_before is not null)),
    constraint app_queue_batches_reason check (reason in ('full', 'age', 'demand')),
    constraint app_queue_batches_parts check ((rest is null) = (cuts is null)),
    constraint app_queue_batches_has_members check (cardinality(members) > 0)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);
create sequence app_queue_epoch as bigint;
grant usage, select on sequence app_queue_epoch to ms_app, ms_engine;

create table app_queue_logs (
    workspace_id bigint not null,
    queue_id uuid not null,
    run_id uuid not null,
    batch_id uuid not null,
    workflow_id uuid not null,
    attempt integer not null,
    ordering_key text,
    items integer not null,
    reason text not null,
    status text not null default 'running',
    -- What became of the items: done, retried, blocked, dead_lettered, bisected, or returned to the queue.
    fate text,
    error json,
    flushed_at timestamptz not null,
    finished_at timestamptz,
    primary key (queue_id, run_id),
    constraint app_queue_logs_status check (status in ('running', 'succeeded', 'failed', 'cancelled', 'timed_out')),
    constraint app_queue_logs_fate check (fate in ('done', 'retried', 'blocked', 'dead_lettered', 'bisected', 'returned')),
    constraint app_queue_logs_reason check (reason in ('full', 'age', 'demand', 'retry', 'bisect')),
    constraint app_queue_logs_end check ((status = 'running') = (finished_at is null) and (status = 'running') = (fate is null))
);
create index app_queue_logs_flushed on app_queue_logs (flushed_at);

create table queue_rate_limiting (
    workspace_id bigint not null,
    queue_id uuid primary key references workflows_app_queues on delete cascade,
    starts timestamptz[] not null default '{}'
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);

-- Sums that are read together: nobody waits for another one's count. Now and then many become one.
create table app_queue_counts (
    workspace_id bigint not null,
    queue_id uuid not null,
    count_id bigint generated always as identity,
    depth bigint not null default 0,
    in_flight bigint not null default 0,
    delayed bigint not null default 0,
    dead bigint not null default 0,
    primary key (queue_id, count_id)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

create table app_queue_dedupe (
    workspace_id bigint not null,
    queue_id uuid not null,
    dedupe_key text not null,
    item_id uuid not null,
    until timestamptz not null,
    primary key (queue_id, dedupe_key)
);
create index app_queue_dedupe_until on app_queue_dedupe (until);

-- What each step's enqueue answered, by the step's idempotency key: the same one again changes nothing.
create table app_queue_operations (
    workspace_id bigint not null,
    operation text not null,
    accepted integer not null default 0,
    duplicates integer not null default 0,
    created_at timestamptz not null default now(),
    primary key (workspace_id, operation)
);
create index app_queue_operations_created on app_queue_operations (created_at);

call protect_tenant_table('workflows_app_queues');
call protect_tenant_table('app_queue');
call protect_tenant_table('app_queue_keys');
call protect_tenant_table('app_queue_batches');
call protect_tenant_table('app_queue_logs');
call protect_tenant_table('queue_rate_limiting');
call protect_tenant_table('app_queue_counts');
call protect_tenant_table('app_queue_dedupe');
call protect_tenant_table('app_queue_operations');

grant select, insert, update, delete on workflows_app_queues, app_queue, app_queue_keys, app_queue_batches, app_queue_logs,
    queue_rate_limiting, app_queue_counts, app_queue_dedupe, app_queue_operations to ms_app, ms_engine;

insert into access_rights (role, action) values
    ('viewer', 'queues.read'), ('editor', 'queues.read'), ('owner', 'queues.read'),
    ('editor', 'queues.write'), ('owner', 'queues.write'),
    ('editor', 'queues.enqueue'), ('owner', 'queues.enqueue');
