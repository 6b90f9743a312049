-- A run's life in single calls: accept → record … → record with the end; or cancel before it started.
--
-- Each function is one statement for the caller, so it is one commit. Lock order: the run's row, then the advisory lock of
-- its concurrency key, then that of its workflow's cap, then queue rows, then those of the app queue whose batch it has. Accept takes only the two advisory ones.
-- Of an event that a step tells: the run's row, then the lock of the event's key, then the waits under it. Who changes several runs in one transaction
-- gives up this order, and may meet a deadlock.
--
-- Invariants:
-- - A run in a terminal state, and a log row in one, never changes again (but for data that retention takes away).
-- - A run has a queue row exactly while it is open (simulations never have one).
-- - Of the open runs of one workflow and key, exactly one is not blocked, and it is the earliest accepted one.
-- - Of a workflow with a cap, no more counted runs are ready, starting or started than it allows (but for those that were when it was lowered), and
--   while one is capped, no fewer.
-- - event_seq grows with each change of the run; a changed row carries the number of its last change.

-- Acts for one workspace from here to the end of the transaction. A tenant can't change whom it acts for.
create function act_for(workspace bigint) returns void
language plpgsql as $$
begin
    if coalesce(current_setting('app.ws', true), '') = '' then
        perform set_config('app.ws', workspace::text, true);
    elsif current_setting('app.ws', true) <> workspace::text then
        raise exception 'this transaction acts for workspace %, not for %', current_setting('app.ws'), workspace
            using errcode = 'insufficient_privilege';
    end if;
end
$$;

-- Held by whoever adds or removes an open run of this key; waits for the other one's commit.
create function lock_key(workflow uuid, key text) returns void
language sql as $$ select pg_advisory_xact_lock(hashtextextended(workflow::text || ':' || key, 1)) $$;

-- Whether the workflow has a cap; then its lock is held, by whoever fills or frees a place, until the commit.
create function lock_cap(workflow uuid) returns boolean
language plpgsql as $$
begin
    if not exists (select from workflows w where w.workflow_id = workflow and w.max_concurrent_runs is not null) then
        return false;
    end if;
    perform pg_advisory_xact_lock(hashtextextended(workflow::text, 2));
    return true;
end
$$;

-- How many more counted runs of the workflow may go; null without a cap. Its lock is held.
create function room_under_cap(workflow uuid) returns integer
language sql as $$
    select w.max_concurrent_runs - (
        select count(*) from (
            select from workflow_execution_queue q
            where q.workflow_id = workflow and q.state in ('ready', 'starting', 'started') and q.counted
            order by q.seq
            limit w.max_concurrent_runs
        ) as busy)::integer
    from workflows w where w.workflow_id = workflow
$$;

-- Whether a run of the workflow waits for room. Asked for in the order of the index, here as below: a planner that sees one workflow with
-- very many rows would else look for one of them in the whole table.
create function anyone_capped(workflow uuid) returns boolean
language sql as $$
    select coalesce((
        select true from workflow_execution_queue q
        where q.workflow_id = workflow and q.state = 'capped'
        order by q.seq
        limit 1), false)
$$;

-- The turn of a run that is ready from now on.
create function next_turn(workspace bigint, workflow uuid) returns bigint
language sql as $$
    select greatest(0,
        (select q.turn from workflow_execution_queue q where q.workspace_id = workspace and q.state = 'ready' order by q.turn limit 1),
        (select q.turn + 1 from workflow_execution_queue q where q.workflow_id = workflow and q.state = 'ready' order by q.turn desc limit 1))
$$;

-- Lets go what the workflow's cap has room for, oldest first; gives one of these runs. Its lock is held.
create function fill_room(workspace bigint, workflow uuid) returns uuid
language plpgsql as $$
declare
    room integer := room_under_cap(workflow);
    base bigint;
    filled uuid;
begin
    if room = 0 or not anyone_capped(workflow) then
        return null;
    end if;
    base := next_turn(workspace, workflow);
    with going as (
        select q.run_id, row_number() over (order by q.seq) - 1 as place from workflow_execution_queue q
        where q.workflow_id = workflow and q.state = 'capped'
        order by q.seq
        limit room
    ), gone as (
        update workflow_execution_queue q set state = 'ready', turn = base + going.place
        from going where q.run_id = going.run_id
        returning q.run_id
    )
    select g.run_id into filled from gone g limit 1;
    return filled;
end
$$;

-- A cap that changes lets go what it held back.
create function workflows_cap_changed() returns trigger
language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(new.workflow_id::text, 2));
    perform fill_room(new.workspace_id, new.workflow_id);
    return null;
end
$$;
create trigger workflows_cap_changed after update of max_concurrent_runs on workflows
    for each row when (old.max_concurrent_runs is distinct from new.max_concurrent_runs)
    execute function workflows_cap_changed();

-- Takes a run in: event, document, payloads, header and queue row, all or nothing.
-- header: the columns of workflow_runs that the caller sets, and beside them
--   event, as note_event takes it, or {event_id, epoch} of one that waits; queue {counted, holder, lease_s}; each may be absent.
-- outcome: accepted · duplicate (id is the first run's) · event_missing (it waits no more, or for somebody else) ·
--   document_missing (call again with compiled) · workflow_missing
create function accept_run(
    header jsonb, trigger_data json, options_data json, warnings_data json, compiled_data json, words text[], refs text[],
    bodies bytea[], event_head json, event_raw bytea
) returns table (outcome text, id uuid, state text, epoch integer)
language plpgsql as $$
declare
    r workflow_runs := jsonb_populate_record(null::workflow_runs, header);
    event jsonb := nullif(header -> 'event', 'null');
    place jsonb := nullif(header -> 'queue', 'null');
    cap integer;
    counts boolean := coalesce((place ->> 'counted')::boolean, true);
    claimer text := place ->> 'holder';
    -- What came is data of the run: it stays where that does.
    keeps boolean := coalesce(r.log, 'full') = 'full'
        or exists (select from events_to_be_processed o where o.content_of = (event ->> 'event_id')::uuid and o.verdict = 'waiting');
begin
    perform act_for(r.workspace_id);
    id := r.run_id;
    select w.max_concurrent_runs into cap from workflows w
    where w.workflow_id = r.workflow_id and w.workspace_id = r.workspace_id and w.status <> 'deleted';
    if not found then
        outcome := 'workflow_missing';
        return next;
        return;
    end if;

    perform from workflows_documents d
    where d.workspace_id = r.workspace_id and d.compiled_hash = r.compiled_hash and d.retired_at is null;
    if not found then
        if compiled_data is null then
            outcome := 'document_missing';
            return next;
            return;
        end if;
        insert into workflows_documents (workspace_id, compiled_hash, content_hash, compiled)
        values (r.workspace_id, r.compiled_hash, header ->> 'content_hash', compiled_data)
        on conflict (workspace_id, compiled_hash) do update set retired_at = null;
    end if;

    if event ? 'epoch' then
        -- It waits in the inbox; whoever took it there may have been overtaken.
        update events_to_be_processed e set verdict = 'accepted', run_id = r.run_id, reason = null, next_at = null, lease_until = null,
            head = case when keeps then e.head end, raw = case when keeps then e.raw end
        where e.event_id = (event ->> 'event_id')::uuid and e.workspace_id = r.workspace_id and e.verdict = 'waiting'
            and e.lease_epoch = (event ->> 'epoch')::integer;
        if not found then
            outcome := 'event_missing';
            return next;
            return;
        end if;
    elsif event is not null then
        id := note_event(r.workspace_id, event, case when keeps then event_head end, case when keeps then event_raw end, 'accepted', r.run_id);
        if id is distinct from r.run_id then
            outcome := 'duplicate';
            return next;
            return;
        end if;
    end if;

    insert into workflow_payloads (workspace_id, run_id, ref, kind, media_type, bytes)
    select r.workspace_id, r.run_id, p.ref, 'data', 'application/json', p.body
    from unnest(refs, bodies) as p (ref, body)
    on conflict do nothing;

    insert into workflow_runs (workspace_id, run_id, workflow_id, version, compiled_hash, carrier, trigger_type, trigger_id,
        trigger, warnings, test, options, replay_of, parent_run_id, parent_path, depth, chain, origin,
        reply_until, concurrency_key, log, retention_days, search)
    values (r.workspace_id, r.run_id, r.workflow_id, r.version, r.compiled_hash, coalesce(r.carrier, 'temporal'),
        r.trigger_type, r.trigger_id, trigger_data, warnings_data, coalesce(r.test, false),
        options_data, r.replay_of, r.parent_run_id, r.parent_path, coalesce(r.depth, 0::smallint),
        coalesce(r.chain, (select p.chain || p.workflow_id from workflow_runs p where p.run_id = r.parent_run_id)),
        coalesce(r.origin, r.run_id::text), r.reply_until, r.concurrency_key, coalesce(r.log, 'full'),
        coalesce(r.retention_days, 30),
        case when r.log = 'none' then null else array_to_tsvector(
            array['#' || r.workspace_id, '#v' || r.version, '#t' || r.trigger_type] || words) end);

    outcome := 'accepted';
    if place is not null then
        state := 'ready';
        if r.concurrency_key is not null then
            perform lock_key(r.workflow_id, r.concurrency_key);
            perform from workflow_execution_queue q
            where q.workflow_id = r.workflow_id and q.concurrency_key = r.concurrency_key
            order by q.seq
            limit 1;
            if found then
                state := 'blocked';
            end if;
        end if;
        -- The cap may have changed while its lock was waited for.
        if state = 'ready' and counts and cap is not null and lock_cap(r.workflow_id) and (
            room_under_cap(r.workflow_id) <= 0
            or anyone_capped(r.workflow_id)
        ) then
            state := 'capped';
        end if;
        if state = 'ready' and claimer is not null then
            state := 'starting';
            epoch := 1;
        end if;
        insert into workflow_execution_queue
            (workspace_id, run_id, workflow_id, concurrency_key, state, turn, counted, holder, lease_epoch, lease_until)
        values (r.workspace_id, r.run_id, r.workflow_id, r.concurrency_key, state,
            case state when 'ready' then next_turn(r.workspace_id, r.workflow_id) else 0 end, counts,
            case state when 'starting' then claimer end, coalesce(epoch, 0),
            case state when 'starting' then now() + make_interval(secs => (place ->> 'lease_s')::double precision) end);
    end if;
    return next;
end
$$;

-- The end of a run, whose row the caller has locked and found open. Gives the run that may go now, if one waited for it.
-- r.started_at and r.event_seq are the caller's: they may be ahead of the row, which is written once and here.
create function finish_run(
    r workflow_runs, end_status text, end_output json, end_error json, end_warnings json,
    end_at timestamptz, words text[]
) returns uuid
language plpgsql as $$
declare
    key text;
    has_cap boolean;
    next_run uuid;
    left_open integer;
begin
    -- What an execution that was lost, or ended from outside, left open ends with its run: each attempt has one terminal row.
    update workflow_execution_logs l set
        status = 'cancelled', finished_at = greatest(end_at, l.started_at), wait_kind = null, wait_reason = null,
        wait_until = null, seq = r.event_seq + o.n
    from (
        select i.path, i.attempt, row_number() over (order by i.ordinal) as n from workflow_execution_logs i
        where i.run_id = r.run_id and i.status in ('running', 'waiting')
    ) as o
    where l.run_id = r.run_id and l.path = o.path and l.attempt = o.attempt;
    get diagnostics left_open = row_count;
    r.event_seq := r.event_seq + left_open;
    update workflow_runs u set
        status = end_status,
        output = case when end_status in ('succeeded', 'cancelled') then end_output end,
        error = end_error,
        -- By text: JSON with a NUL in it can't be taken apart here.
        warnings = case
            when end_warnings is null or u.warnings is null then coalesce(end_warnings, u.warnings)
            else (rtrim(u.warnings::text, ']') || ',' || ltrim(end_warnings::text, '['))::json
        end,
        started_at = r.started_at,
        finished_at = end_at,
        expires_at = end_at + u.retention_days * interval '1 day',
        trigger = case when u.log = 'none' then json_build_object('type', u.trigger_type, 'id', u.trigger_id, 'body', null)
            else u.trigger end,
        event_seq = r.event_seq + 1,
        status_seq = r.event_seq + 1,
        changed_xid = pg_current_xact_id()::text::bigint,
        search = case when u.log = 'none' or cardinality(words) = 0 then u.search
            else coalesce(u.search, '') || array_to_tsvector(words) end
    where u.run_id = r.run_id;

    if r.concurrency_key is not null then
        perform lock_key(r.workflow_id, r.concurrency_key);
    end if;
    has_cap := lock_cap(r.workflow_id);
    delete from workflow_execution_queue q where q.run_id = r.run_id returning q.concurrency_key into key;
    if key is not null then
        update workflow_execution_queue q set
            state = case when has_cap and q.counted then 'capped' else 'ready' end,
            turn = next_turn(r.workspace_id, r.workflow_id)
        where q.state = 'blocked' and q.run_id = (
            select f.run_id from workflow_execution_queue f
            where f.workflow_id = r.workflow_id and f.concurrency_key = key
            order by f.seq
            limit 1)
        returning case q.state when 'ready' then q.run_id end into next_run;
    end if;
    if has_cap then
        next_run := coalesce(fill_room(r.workspace_id, r.workflow_id), next_run);
    end if;

    delete from workflow_signals s where s.run_id = r.run_id;
    -- A batch that the run was given ends with it.
    if r.trigger_type = 'queue' then
        perform end_batch(r.run_id, r.workflow_id, end_status, end_error);
    end if;
    if r.trigger_type = 'schedule' then
        perform schedule_goes_on(r);
    end if;
    perform tell_end(r, end_status);
    delete from event_waits e where e.run_id = r.run_id;
    if r.parent_run_id is not null then
        insert into workflow_signals (workspace_id, run_id, kind, path, child_run_id)
        select r.workspace_id, r.parent_run_id, 'child', r.parent_path, r.run_id
        where exists (select from workflow_execution_queue q where q.run_id = r.parent_run_id);
    end if;

    if r.log = 'none' or (r.log = 'errors' and end_status = 'succeeded') then
        update workflow_execution_logs l set input = null, output = null, logs = case when r.log = 'none' then null else l.logs end
        where l.run_id = r.run_id and (l.input is not null or l.output is not null or l.logs is not null);
        -- What the header still refers to stays: the answer may be large. References are hashes, so text tells.
        delete from workflow_payloads p
        where p.run_id = r.run_id and p.kind = 'data'
            and strpos(concat(end_output, r.response, case when r.log <> 'none' then r.trigger end), p.ref) = 0;
    end if;
    return next_run;
end
$$;

-- Writes rows of one run's log, then its state, then its end, as far as given. Rows that stand in a terminal state already
-- are refused and named, and so is every row once the run has ended. No row comes back for an unknown run. waiting: true, false, or null for no change.
create function record_steps(
    workspace bigint, run uuid,
    paths text[], attempts integer[], steps text[], modules text[], iterations integer[], statuses text[],
    starts timestamptz[], ends timestamptz[], inputs text[], outputs text[], errors text[], handles text[], step_logs text[], wait_kinds text[], wait_reasons text[],
    wait_untils timestamptz[], resume_urls text[], child_run_ids uuid[], mocks text[], keys text[],
    retry_ats timestamptz[],
    refs text[], media_types text[], bodies bytea[],
    waiting boolean, began_at timestamptz,
    end_status text, end_output json, end_error json, end_warnings json, end_at timestamptz,
    words text[], step_words text[]
) returns table (
    status text, finished_now boolean, last_seq bigint, cancel_requested boolean, cancel_reason text, next_run uuid,
    refused_paths text[], refused_attempts integer[]
)
language plpgsql as $$
declare
    r workflow_runs;
    changed integer := 0;
    found_before text[];
begin
    perform act_for(workspace);
    select * into r from workflow_runs w where w.run_id = run and w.workspace_id = workspace for no key update;
    if not found then
        return;
    end if;
    status := r.status;
    finished_now := false;
    last_seq := r.event_seq;
    cancel_requested := r.cancel_requested_at is not null;
    cancel_reason := r.cancel_reason;
    if r.finished_at is not null then
        refused_paths := paths;
        refused_attempts := attempts;
        return next;
        return;
    end if;

    if cardinality(refs) > 0 then
        insert into workflow_payloads (workspace_id, run_id, ref, kind, media_type, bytes)
        select workspace, run, g.ref, 'data', g.media_type, g.body
        from unnest(refs, media_types, bodies) as g (ref, media_type, body)
        on conflict (run_id, ref) do nothing;
    end if;

    if cardinality(paths) > 0 then
        with given as (
            select * from unnest(
                paths, attempts, steps, modules, iterations, statuses, starts, ends, inputs, outputs,
                errors, handles, step_logs, wait_kinds, wait_reasons, wait_untils, resume_urls,
                child_run_ids, mocks, keys, retry_ats
            ) with ordinality as g (
                path, attempt, step, module, iteration, status, started_at, finished_at, input, output,
                error, handle, logs, wait_kind, wait_reason, wait_until, resume_url,
                child_run_id, mocked, idempotency_key, retry_at, n)
        ), written as (
            insert into workflow_execution_logs as l (
                workspace_id, run_id, path, attempt, workflow_id, step, module, iteration, status, started_at, finished_at,
                input, output, error, handle, logs, wait_kind, wait_reason,
                wait_until, resume_url, child_run_id, mocked, idempotency_key, retry_at, ordinal, seq)
            select workspace, run, g.path, g.attempt, r.workflow_id, g.step, g.module, g.iteration, g.status, g.started_at,
                g.finished_at, g.input::json, g.output::json, g.error::json,
                g.handle, g.logs::json, g.wait_kind, g.wait_reason, g.wait_until, g.resume_url,
                g.child_run_id, g.mocked, g.idempotency_key, g.retry_at, r.event_seq + g.n, r.event_seq + g.n
            from given g
            on conflict (run_id, path, attempt) do update set
                iteration = excluded.iteration, status = excluded.status, started_at = excluded.started_at,
                finished_at = excluded.finished_at, input = coalesce(excluded.input, l.input),
                output = excluded.output, error = excluded.error,
                handle = excluded.handle, logs = excluded.logs, wait_kind = excluded.wait_kind,
                wait_reason = excluded.wait_reason, wait_until = excluded.wait_until,
                resume_url = coalesce(excluded.resume_url, l.resume_url),
                child_run_id = coalesce(excluded.child_run_id, l.child_run_id), mocked = excluded.mocked,
                idempotency_key = coalesce(excluded.idempotency_key, l.idempotency_key), retry_at = excluded.retry_at,
                seq = excluded.seq
            -- A call at work is not taken for another one's: the first `running` row stands, and the later one hears of it.
            where l.status in ('running', 'waiting')
                and not (l.status = 'running' and excluded.status = 'running' and l.started_at <> excluded.started_at)
            returning l.path, l.attempt
        )
        select count(w.path), array_agg(g.path order by g.n) filter (where w.path is null),
            array_agg(g.attempt order by g.n) filter (where w.path is null)
        into changed, refused_paths, refused_attempts
        from given g
        left join written w on w.path = g.path and w.attempt = g.attempt;
        -- Numbers are drawn for refused rows too: gaps do no harm, a number given twice would.
        last_seq := r.event_seq + cardinality(paths);
    end if;

    -- What a run doesn't keep is not found either.
    if r.log <> 'none' and cardinality(step_words) > 0 then
        if end_status is null then
            insert into workflow_words as k (workspace_id, run_id, words) values (workspace, run, step_words)
            on conflict (run_id) do update set
                words = k.words || array(select unnest(excluded.words) except select unnest(k.words))
            -- A tsvector holds 1 MB; more would be an error, and the run could never end.
            where cardinality(k.words) < 2000 and octet_length(array_to_string(k.words, '')) < 150000;
        elsif r.log = 'full' or end_status <> 'succeeded' then
            words := words || step_words;
        end if;
    end if;
    if end_status is not null then
        delete from workflow_words k where k.run_id = run returning k.words into found_before;
        if r.log = 'full' or end_status <> 'succeeded' then
            words := words || found_before;
        end if;
        r.started_at := coalesce(r.started_at, began_at, now());
        r.event_seq := last_seq;
        next_run := finish_run(r, end_status, end_output, end_error, end_warnings, coalesce(end_at, now()),
            coalesce(words, '{}'));
        status := end_status;
        finished_now := true;
        last_seq := (select w.event_seq from workflow_runs w where w.run_id = run);
        return next;
        return;
    end if;

    status := case
        when waiting then 'waiting'
        when waiting is not null or r.status = 'queued' then 'running'
        else r.status
    end;
    if status <> r.status or r.started_at is null then
        last_seq := last_seq + 1;
        update workflow_runs w set
            status = record_steps.status, started_at = coalesce(w.started_at, began_at, now()), event_seq = last_seq,
            status_seq = last_seq, changed_xid = pg_current_xact_id()::text::bigint,
            search = case when record_steps.status = 'waiting' and w.log = 'full' then w.search || coalesce(
                (select array_to_tsvector(k.words) from workflow_words k where k.run_id = run), '') else w.search end
        where w.run_id = run;
    elsif changed > 0 then
        update workflow_runs w set event_seq = last_seq where w.run_id = run;
    end if;
    return next;
end
$$;

-- Asks a run to stop. One that never began ends here and now; another one is told by a signal, once.
-- outcome: unknown · ended (before this call) · cancelled (now) · requested
create function request_cancel(workspace bigint, run uuid, reason text) returns table (outcome text, next_run uuid)
language plpgsql as $$
declare
    r workflow_runs;
    underway boolean;
begin
    perform act_for(workspace);
    select * into r from workflow_runs w where w.run_id = run and w.workspace_id = workspace for no key update;
    if not found then
        outcome := 'unknown';
    elsif r.finished_at is not null then
        outcome := 'ended';
    else
        if r.cancel_requested_at is null then
            update workflow_runs w set cancel_requested_at = now(), cancel_reason = reason,
                changed_xid = pg_current_xact_id()::text::bigint
            where w.run_id = run;
        end if;
        -- Before the queue row: who ends the run before it in its key, or another one under its cap, holds that lock and wants the row.
        if r.concurrency_key is not null then
            perform lock_key(r.workflow_id, r.concurrency_key);
        end if;
        if r.status = 'queued' then
            perform lock_cap(r.workflow_id);
        end if;
        -- Locked, so that it can't be claimed, nor a claim of it be sent, while it ends here. What was once sent and is nobody's now
        -- may have an execution: that one reads the log before its first call, and finds the end.
        select q.state = 'started' or (q.state = 'starting' and q.sent and q.holder is not null) into underway
        from workflow_execution_queue q where q.run_id = run for update;
        if r.status = 'queued' and r.started_at is null and not underway then
            next_run := finish_run(r, 'cancelled', null,
                json_build_object('code', 'run.cancelled', 'message', coalesce(reason, 'The run was cancelled.'),
                    'step', null, 'retryable', false, 'details', json_build_object()),
                null, now(), '{}');
            outcome := 'cancelled';
        else
            if r.cancel_requested_at is null then
                insert into workflow_signals (workspace_id, run_id, kind) values (workspace, run, 'cancel');
            end if;
            outcome := 'requested';
        end if;
    end if;
    return next;
end
$$;

-- Keeps a run, and all that belongs to it, from retention: until it is unpinned. Pinning again changes reason and name.
-- outcome: pinned · unknown · going (its week is being dropped at this moment)
create function pin_run(workspace bigint, run uuid, who text, why text) returns text
language plpgsql as $$
begin
    perform act_for(workspace);
    if not pg_try_advisory_xact_lock_shared(hashtextextended('millstream.drop', 0)) then
        return case when exists (select from workflow_runs w where w.run_id = run and w.workspace_id = workspace) then 'going'
            else 'unknown' end;
    end if;
    update workflow_runs w set pinned_at = coalesce(w.pinned_at, now()), pinned_by = who, pinned_reason = why
    where w.run_id = run and w.workspace_id = workspace;
    return case when found then 'pinned' else 'unknown' end;
end
$$;
revoke all on function pin_run from public;
grant execute on function pin_run to ms_app, ms_engine;

-- Takes the body that ends a step's wait; the first one stays. outcome: posted · second · ended · unknown
create function post_resume(workspace bigint, run uuid, step_path text, posted json) returns text
language plpgsql as $$
declare
    r workflow_runs;
    last_status text;
    tried_again boolean;
begin
    perform act_for(workspace);
    select * into r from workflow_runs w where w.run_id = run and w.workspace_id = workspace for no key update;
    if not found then
        return 'unknown';
    end if;
    if exists (select from workflow_resumes p where p.run_id = run and p.path = step_path) then
        return 'second';
    end if;
    -- A scope that is tried again waits again: its last attempt counts. One that failed and is to be made again counts as open.
    select l.status, l.retry_at is not null into last_status, tried_again from workflow_execution_logs l
    where l.run_id = run and l.path = step_path
    order by l.attempt desc limit 1;
    if r.finished_at is not null or (last_status not in ('running', 'waiting') and not tried_again) then
        return 'ended';
    end if;
    insert into workflow_resumes (workspace_id, run_id, path, body) values (workspace, run, step_path, posted);
    insert into workflow_signals (workspace_id, run_id, kind, path) values (workspace, run, 'resume', step_path);
    return 'posted';
end
$$;

revoke all on function act_for, lock_key, lock_cap, room_under_cap, anyone_capped, next_turn, fill_room, workflows_cap_changed, accept_run, finish_run, record_steps, request_cancel,
    post_resume from public;
grant execute on function act_for, lock_key, lock_cap, room_under_cap, anyone_capped, next_turn, fill_room, workflows_cap_changed, accept_run, finish_run, record_steps,
    request_cancel, post_resume to ms_app, ms_engine;

-- Keeps the answer for whoever waits for it. outcome: delivered (also when the same answer comes again) · nobody · second
create function keep_response(workspace bigint, run uuid, answer json) returns text
language plpgsql as $$
declare
    r workflow_runs;
begin
    perform act_for(workspace);
    select * into r from workflow_runs w where w.run_id = run and w.workspace_id = workspace for no key update;
    if r.response is not null then
        return case when r.response::text = answer::text then 'delivered' else 'second' end;
    end if;
    if not found or r.finished_at is not null or r.reply_until is null or r.reply_until < now() then
        return 'nobody';
    end if;
    update workflow_runs w set response = answer where w.run_id = run;
    return 'delivered';
end
$$;
revoke all on function keep_response from public;
grant execute on function keep_response to ms_app, ms_engine;
