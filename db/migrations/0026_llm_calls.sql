-- Calls of language models: each request that was sent to one is a row, that of a process that died too.
--
--   copilot_llm_monitor_logs   the calls
--   llm_bodies                 what was sent and what came back: redacted, compressed, closed where data of runs is
--   llm_abilities              what an endpoint's model can do, as far as it was tried
--   llm_prices                 a workspace's own prices, before those that come with the product
--   llm_budgets                what a workspace may use in a day
--
-- A call:   started ──► ok            the whole answer is kept, before whoever asked has it
--              ├──► error             what the model server, the network or a limit made of it
--              ├──► cancelled         whoever asked doesn't want it any more
--              └──► interrupted       its process died: the next attempt at its step finds it, or the lease is over
--
-- Invariants:
-- - A row is `started` before anything is sent, and written twice: then, and at its end. A row that has ended stays as it is: who comes back
--   from the dead with an answer finds that it isn't wanted.
-- - lease_until stands while it is started; whoever is at work puts it off for all of his calls together.
-- - Of one step of a turn each attempt is a row; an `ok` one is the step's answer, and nothing more is sent for it.
-- - Bodies lie under their hash: the same one is kept once. They go before the rows do.

create table copilot_llm_monitor_logs (
    workspace_id bigint not null references workspaces on delete cascade,
    call_id uuid primary key,
    purpose text not null,
    subject text,
    status text not null default 'started',
    user_id bigint references users on delete set null,
    conversation_id uuid,
    turn_id uuid,
    message_id uuid,
    -- Of a workflow's step that asks.
    run_id uuid,
    path text,
    step integer not null default 0,
    attempt integer not null default 1,
    parent_id uuid,
    provider text,
    host text not null,
    api text not null default 'chat.completions',
    request_model text not null,
    response_model text,
    response_id text,
    prompt_name text,
    prompt_version text,
    prompt_hash text,
    parameters json not null,
    request_hash text not null,
    response_hash text,
    tools_hash text,
    finish_reasons text[],
    input_tokens integer,
    output_tokens integer,
    cache_read_tokens integer,
    cache_write_tokens integer,
    reasoning_tokens integer,
    usage_source text,
    cost_usd numeric,
    price_source text,
    price_version text,
    started_at timestamptz not null default clock_timestamp(),
    first_chunk_at timestamptz,
    finished_at timestamptz,
    time_to_first_token_ms double precision generated always as (extract(epoch from first_chunk_at - started_at)::double precision * 1000) stored,
    duration_ms double precision generated always as (extract(epoch from finished_at - started_at)::double precision * 1000) stored,
    chunks integer,
    http_status integer,
    error json,
    retry_after_s double precision,
    request_id text,
    temporal_workflow_id text,
    temporal_run_id text,
    trace_id text,
    lease_until timestamptz,
    constraint copilot_llm_monitor_logs_purpose
        check (purpose in ('chat', 'build', 'explain', 'fix', 'compact', 'title', 'judge', 'module', 'probe')),
    constraint copilot_llm_monitor_logs_status check (status in ('started', 'ok', 'error', 'cancelled', 'interrupted')),
    constraint copilot_llm_monitor_logs_end check ((status = 'started') = (finished_at is null)),
    constraint copilot_llm_monitor_logs_lease check ((status = 'started') = (lease_until is not null)),
    constraint copilot_llm_monitor_logs_usage check (usage_source in ('endpoint', 'estimated')),
    constraint copilot_llm_monitor_logs_ok check (status <> 'ok' or response_hash is not null)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
create index copilot_llm_monitor_logs_newest on copilot_llm_monitor_logs (workspace_id, call_id desc);
create unique index copilot_llm_monitor_logs_step on copilot_llm_monitor_logs (turn_id, step, attempt) where turn_id is not null;
create index copilot_llm_monitor_logs_conversation on copilot_llm_monitor_logs (conversation_id, call_id desc)
    where conversation_id is not null;
create index copilot_llm_monitor_logs_run on copilot_llm_monitor_logs (run_id, call_id desc) where run_id is not null;
create index copilot_llm_monitor_logs_open on copilot_llm_monitor_logs (lease_until) where status = 'started';
create index copilot_llm_monitor_logs_spent on copilot_llm_monitor_logs (workspace_id, started_at)
    include (input_tokens, output_tokens, cost_usd);
create index copilot_llm_monitor_logs_age on copilot_llm_monitor_logs (started_at);

-- body: compressed JSON.
create table llm_bodies (
    workspace_id bigint not null references workspaces on delete cascade,
    hash text not null,
    body bytea not null,
    kept_until timestamptz not null,
    primary key (workspace_id, hash)
);
create index llm_bodies_kept on llm_bodies (kept_until);

-- endpoint: a hash of its address. json_mode: how it is told to answer in JSON. token_limit: what it calls the most that it may say.
create table llm_abilities (
    workspace_id bigint not null references workspaces on delete cascade,
    endpoint text not null,
    model text not null,
    tools boolean not null,
    parallel_tools boolean not null,
    json_mode text not null,
    streams boolean not null,
    stream_usage boolean not null,
    token_limit text,
    temperature boolean not null,
    probed_at timestamptz not null default now(),
    primary key (workspace_id, endpoint, model),
    constraint llm_abilities_json check (json_mode in ('json_schema', 'json_object', 'text')),
    constraint llm_abilities_limit check (token_limit in ('max_tokens', 'max_completion_tokens'))
);

-- US dollars for a million tokens. What isn't said of the cache costs what other input does.
create table llm_prices (
    workspace_id bigint not null references workspaces on delete cascade,
    model text not null,
    input_usd numeric not null,
    output_usd numeric not null,
    cache_read_usd numeric,
    cache_write_usd numeric,
    updated_at timestamptz not null default now(),
    primary key (workspace_id, model),
    constraint llm_prices_not_below check
        (input_usd >= 0 and output_usd >= 0 and coalesce(cache_read_usd, 0) >= 0 and coalesce(cache_write_usd, 0) >= 0)
);

-- Null: what the installation's settings say.
create table llm_budgets (
    workspace_id bigint primary key references workspaces on delete cascade,
    daily_tokens bigint,
    daily_usd numeric,
    updated_at timestamptz not null default now(),
    constraint llm_budgets_not_below check (coalesce(daily_tokens, 0) >= 0 and coalesce(daily_usd, 0) >= 0)
);

call protect_tenant_table('copilot_llm_monitor_logs');
call protect_tenant_table('llm_bodies');
call protect_tenant_table('llm_abilities');
call protect_tenant_table('llm_prices');
call protect_tenant_table('llm_budgets');
grant select, insert, update, delete on copilot_llm_monitor_logs, llm_bodies, llm_abilities, llm_prices, llm_budgets to ms_app, ms_engine;

call audit_table('llm_prices', 'llm_price', '($1).model', '($1).model', 'input_usd output_usd cache_read_usd cache_write_usd', 'model updated_at');
call audit_table('llm_budgets', 'llm_budget', '($1).workspace_id', '(null::text)', 'daily_tokens daily_usd', 'updated_at');

insert into access_rights (role, action) values
    ('viewer', 'llm.read'), ('editor', 'llm.read'), ('owner', 'llm.read'),
    ('owner', 'llm.write');
