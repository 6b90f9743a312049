-- fragment: columns
    c.workspace_id, c.call_id, c.purpose, c.subject, c.status, c.user_id, c.conversation_id, c.turn_id, c.message_id, c.run_id, c.path, c.step,
    c.attempt, c.parent_id, c.provider, c.host, c.api, c.request_model, c.response_model, c.response_id, c.prompt_name, c.prompt_version,
    c.prompt_hash, c.parameters, c.request_hash, c.response_hash, c.tools_hash, c.finish_reasons, c.input_tokens, c.output_tokens,
    c.cache_read_tokens, c.cache_write_tokens, c.reasoning_tokens, c.usage_source, c.cost_usd, c.price_source, c.price_version, c.started_at,
    c.first_chunk_at, c.finished_at, c.time_to_first_token_ms, c.duration_ms, c.chunks, c.http_status, c.error, c.retry_after_s, c.request_id,
    c.temporal_workflow_id, c.temporal_run_id, c.trace_id

-- name: enter (engine)
-- A new attempt at a step of a turn: those that are open were left by the dead.
update copilot_llm_monitor_logs c set status = 'interrupted', finished_at = clock_timestamp(), lease_until = null
where c.workspace_id = :workspace_id and c.turn_id = :turn_id and c.step = :step and c.status = 'started';

-- name: answer (engine)
-- The answer that a step of a turn has; the last one, where it took several.
select {columns}
from copilot_llm_monitor_logs c
where c.workspace_id = :workspace_id and c.turn_id = :turn_id and c.step = :step and c.status = 'ok'
order by c.attempt desc
limit 1;

-- name: answer_of_attempt (engine)
-- The answer that an attempt at a run's step has to the same request.
select {columns}
from copilot_llm_monitor_logs c
where c.workspace_id = :workspace_id and c.run_id = :run_id and c.path = :path and c.attempt = :attempt
    and c.request_hash = :request_hash and c.purpose = 'module' and c.status = 'ok'
order by c.call_id desc
limit 1;

-- name: start (engine)
-- A request that will be sent: the row, and what will be sent. No row where the attempt has that number already.
with body as (
    insert into llm_bodies (workspace_id, hash, body, kept_until)
    values (:workspace_id, :request_hash, :body, now() + make_interval(days => :days))
    on conflict (workspace_id, hash) do update set body = excluded.body, kept_until = excluded.kept_until
)
insert into copilot_llm_monitor_logs as c (
    workspace_id, call_id, purpose, subject, user_id, conversation_id, turn_id, message_id, run_id, path, step, attempt, parent_id,
    host, request_model, prompt_name, prompt_version, prompt_hash, parameters, request_hash, tools_hash, temporal_workflow_id,
    temporal_run_id, trace_id, lease_until)
values (
    :workspace_id, :call_id, :purpose, :subject, :user_id, :conversation_id, :turn_id, :message_id, :run_id, :path, :step,
    greatest(:attempt::integer, (
        select max(o.attempt) + 1 from copilot_llm_monitor_logs o
        where o.workspace_id = :workspace_id and o.turn_id = :turn_id and o.step = :step)),
    :parent_id, :host, :request_model, :prompt_name, :prompt_version, :prompt_hash, :parameters, :request_hash, :tools_hash,
    :temporal_workflow_id, :temporal_run_id, :trace_id, now() + make_interval(secs => :lease_s))
on conflict do nothing
returning c.call_id;

-- name: put_body (engine)
-- What came back.
insert into llm_bodies (workspace_id, hash, body, kept_until)
values (:workspace_id, :hash, :body, now() + make_interval(days => :days))
on conflict (workspace_id, hash) do update set body = excluded.body, kept_until = excluded.kept_until;

-- name: finish (engine)
-- The end of a call that is still open.
update copilot_llm_monitor_logs c set status = :status, provider = :provider, response_model = :response_model, response_id = :response_id,
    response_hash = :response_hash, finish_reasons = :finish_reasons, input_tokens = :input_tokens, output_tokens = :output_tokens,
    cache_read_tokens = :cache_read_tokens, cache_write_tokens = :cache_write_tokens, reasoning_tokens = :reasoning_tokens,
    usage_source = :usage_source, cost_usd = :cost_usd, price_source = :price_source, price_version = :price_version,
    first_chunk_at = case when :first_chunk_ms::double precision is not null
        then c.started_at + make_interval(secs => :first_chunk_ms::double precision / 1000) end,
    finished_at = clock_timestamp(), chunks = :chunks, http_status = :http_status, error = :error, retry_after_s = :retry_after_s,
    request_id = :request_id, lease_until = null
where c.workspace_id = :workspace_id and c.call_id = :call_id and c.status = 'started';

-- name: put_off (engine)
-- These are still at work.
update copilot_llm_monitor_logs c set lease_until = now() + make_interval(secs => :lease_s)
where c.call_id = any (:call_ids::uuid[]) and c.status = 'started';

-- name: sweep (engine)
-- Those whose process died.
with left_open as (
    select o.call_id from copilot_llm_monitor_logs o
    where o.status = 'started' and o.lease_until < now()
    order by o.lease_until
    limit :most
    for update skip locked
)
update copilot_llm_monitor_logs c set status = 'interrupted', finished_at = clock_timestamp(), lease_until = null
from left_open l where c.call_id = l.call_id;

-- name: old_bodies (engine)
-- Bodies past their time.
with picked as (
    select b.workspace_id, b.hash from llm_bodies b where b.kept_until < now() order by b.kept_until limit :most for update skip locked
)
delete from llm_bodies b using picked p where (b.workspace_id, b.hash) = (p.workspace_id, p.hash);

-- name: old_calls (engine)
-- Rows past theirs.
with picked as (
    select c.call_id from copilot_llm_monitor_logs c
    where c.started_at < now() - make_interval(days => :days) and c.status <> 'started'
    order by c.started_at
    limit :most
    for update skip locked
)
delete from copilot_llm_monitor_logs c using picked p where c.call_id = p.call_id;

-- name: page (app, engine)
-- Calls, newest first.
select {columns}
from copilot_llm_monitor_logs c
where c.workspace_id = :workspace_id and c.call_id < :below
    and (:conversation_id::uuid is null or c.conversation_id = :conversation_id)
    and (:turn_id::uuid is null or c.turn_id = :turn_id)
    and (:run_id::uuid is null or c.run_id = :run_id)
    and (:status::text is null or c.status = :status)
order by c.call_id desc
limit :most;

-- name: get (app, engine)
-- One call.
select {columns}
from copilot_llm_monitor_logs c
where c.workspace_id = :workspace_id and c.call_id = :call_id;

-- name: body (app, engine)
-- What was sent or came back, as it is kept.
select b.body from llm_bodies b where b.workspace_id = :workspace_id and b.hash = :hash;

-- name: spent (engine)
-- What a workspace used since a time: tokens, and dollars as far as they are known.
select coalesce(sum(coalesce(c.input_tokens, 0)::bigint + coalesce(c.output_tokens, 0)), 0)::bigint as tokens, coalesce(sum(c.cost_usd), 0) as usd
from copilot_llm_monitor_logs c
where c.workspace_id = :workspace_id and c.started_at >= :since;
