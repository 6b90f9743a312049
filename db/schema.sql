-- What the migrations build, as pg_dump tells it. Weeks of the partitioned tables are left out.
-- Made by `python -m tests.db.write_schema`; a test compares it with the migrations.


CREATE FUNCTION public.accept_run(header jsonb, trigger_data json, options_data json, warnings_data json, compiled_data json, words text[], refs text[], bodies bytea[]) RETURNS TABLE(outcome text, id uuid, state text, epoch integer)
    LANGUAGE plpgsql
    AS $$
declare
    r workflow_runs := jsonb_populate_record(null::workflow_runs, header);
    event jsonb := nullif(header -> 'event', 'null');
    place jsonb := nullif(header -> 'queue', 'null');
    cap integer;
    counts boolean := coalesce((place ->> 'counted')::boolean, true);
    claimer text := place ->> 'holder';
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

    if event is not null then
        insert into events_to_be_processed as e
            (workspace_id, event_id, source, dedupe_key, dedupe_until, run_id)
        values (r.workspace_id, (event ->> 'event_id')::uuid, event ->> 'source', event ->> 'dedupe_key',
            now() + make_interval(secs => (event ->> 'window_s')::double precision), r.run_id)
        on conflict (workspace_id, source, dedupe_key) where dedupe_key is not null
            do update set event_id = excluded.event_id, run_id = excluded.run_id, dedupe_until = excluded.dedupe_until,
                received_at = excluded.received_at
            where e.dedupe_until <= now();
        if not found then
            outcome := 'duplicate';
            select e.run_id into id from events_to_be_processed e
            where e.workspace_id = r.workspace_id and e.source = event ->> 'source'
                and e.dedupe_key = event ->> 'dedupe_key';
            return next;
            return;
        end if;
    end if;

    insert into workflow_payloads (workspace_id, run_id, ref, kind, media_type, bytes)
    select r.workspace_id, r.run_id, p.ref, 'data', 'application/json', p.body
    from unnest(refs, bodies) as p (ref, body)
    on conflict do nothing;

    insert into workflow_runs (workspace_id, run_id, workflow_id, version, compiled_hash, carrier, trigger_type, trigger_id,
        trigger, warnings, test, options, replay_of, parent_run_id, parent_path, depth, origin,
        reply_until, concurrency_key, log, retention_days, search)
    values (r.workspace_id, r.run_id, r.workflow_id, r.version, r.compiled_hash, coalesce(r.carrier, 'temporal'),
        r.trigger_type, r.trigger_id, trigger_data, warnings_data, coalesce(r.test, false),
        options_data, r.replay_of, r.parent_run_id, r.parent_path, coalesce(r.depth, 0::smallint),
        coalesce(r.origin, r.run_id::text), r.reply_until, r.concurrency_key, coalesce(r.log, 'full'),
        coalesce(r.retention_days, 30),
        case when r.log = 'none' then null else array_to_tsvector(('#' || r.workspace_id) || words) end);

    outcome := 'accepted';
    if place is not null then
        state := 'ready';
        if r.concurrency_key is not null then
            perform lock_key(r.workflow_id, r.concurrency_key);
            if exists (
                select from workflow_execution_queue q
                where q.workflow_id = r.workflow_id and q.concurrency_key = r.concurrency_key
            ) then
                state := 'blocked';
            end if;
        end if;
        if state = 'ready' and claimer is not null
            and (cap is null or not counts or room_under_cap(r.workflow_id, cap) > 0) then
            state := 'starting';
            epoch := 1;
        end if;
        insert into workflow_execution_queue
            (workspace_id, run_id, workflow_id, concurrency_key, state, counted, holder, lease_epoch, lease_until)
        values (r.workspace_id, r.run_id, r.workflow_id, r.concurrency_key, state, counts,
            case state when 'starting' then claimer end, coalesce(epoch, 0),
            case state when 'starting' then now() + make_interval(secs => (place ->> 'lease_s')::double precision) end);
    end if;
    return next;
end
$$;

ALTER FUNCTION public.accept_run(header jsonb, trigger_data json, options_data json, warnings_data json, compiled_data json, words text[], refs text[], bodies bytea[]) OWNER TO ms_owner;

CREATE FUNCTION public.act_for(workspace bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    if coalesce(current_setting('app.ws', true), '') = '' then
        perform set_config('app.ws', workspace::text, true);
    elsif current_setting('app.ws', true) <> workspace::text then
        raise exception 'this transaction acts for workspace %, not for %', current_setting('app.ws'), workspace
            using errcode = 'insufficient_privilege';
    end if;
end
$$;

ALTER FUNCTION public.act_for(workspace bigint) OWNER TO ms_owner;

CREATE FUNCTION public.begin_run(workspace bigint, run uuid, began_at timestamp with time zone) RETURNS TABLE(started_at timestamp with time zone, cancel_requested boolean, cancel_reason text, recovered boolean)
    LANGUAGE plpgsql
    AS $$
begin
    perform act_for(workspace);
    update workflow_runs w set
        status = 'running', started_at = coalesce(w.started_at, begin_run.began_at, now()), event_seq = w.event_seq + 1,
        status_seq = w.event_seq + 1, changed_xid = pg_current_xact_id()::text::bigint
    where w.run_id = run and w.workspace_id = workspace and w.status = 'queued';
    update workflow_execution_queue q set
        state = 'started', lease_until = null, started_at = coalesce(q.started_at, now())
    where q.run_id = run and q.state in ('ready', 'starting');
    return query
        select w.started_at, w.cancel_requested_at is not null, w.cancel_reason, coalesce(q.recovered, false)
        from workflow_runs w
        left join workflow_execution_queue q on q.run_id = w.run_id
        where w.run_id = run and w.workspace_id = workspace and w.finished_at is null;
end
$$;

ALTER FUNCTION public.begin_run(workspace bigint, run uuid, began_at timestamp with time zone) OWNER TO ms_owner;

CREATE TABLE public.workflow_execution_queue (
    workspace_id bigint NOT NULL,
    run_id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    concurrency_key text,
    seq bigint NOT NULL,
    state text NOT NULL,
    counted boolean DEFAULT true NOT NULL,
    holder text,
    lease_epoch integer DEFAULT 0 NOT NULL,
    lease_until timestamp with time zone,
    not_before timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    recovered boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    CONSTRAINT workflow_execution_queue_blocked_has_key CHECK (((state <> 'blocked'::text) OR (concurrency_key IS NOT NULL))),
    CONSTRAINT workflow_execution_queue_lease CHECK (((state = 'starting'::text) = (lease_until IS NOT NULL))),
    CONSTRAINT workflow_execution_queue_state CHECK ((state = ANY (ARRAY['blocked'::text, 'ready'::text, 'starting'::text, 'started'::text])))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='500');

ALTER TABLE ONLY public.workflow_execution_queue FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_execution_queue OWNER TO ms_owner;

CREATE FUNCTION public.claim_of_workflow(workflow uuid, counts boolean, most integer, claimer text, lease_s double precision) RETURNS SETOF public.workflow_execution_queue
    LANGUAGE sql
    AS $$
    with picked as (
        select q.run_id from workflow_execution_queue q
        where q.workflow_id = workflow and q.state = 'ready' and (counts is null or q.counted = counts)
            and (q.not_before is null or q.not_before <= now())
        order by q.seq
        limit most
        for update skip locked
    )
    update workflow_execution_queue q set
        state = 'starting', holder = claimer, lease_epoch = q.lease_epoch + 1,
        lease_until = now() + make_interval(secs => lease_s), attempts = q.attempts + 1, not_before = null
    from picked
    where q.run_id = picked.run_id
    returning q.*
$$;

ALTER FUNCTION public.claim_of_workflow(workflow uuid, counts boolean, most integer, claimer text, lease_s double precision) OWNER TO ms_owner;

CREATE FUNCTION public.claim_run(run uuid, claimer text, lease_s double precision) RETURNS SETOF public.workflow_execution_queue
    LANGUAGE plpgsql
    AS $$
declare
    q workflow_execution_queue;
    cap integer;
begin
    select * into q from workflow_execution_queue c where c.run_id = run for update skip locked;
    if not found or (q.state <> 'ready' and not (q.state = 'starting' and q.lease_until < now()))
        or q.not_before > now() then
        return;
    end if;
    select w.max_concurrent_runs into cap from workflows w where w.workflow_id = q.workflow_id;
    if cap is not null and q.counted and q.state = 'ready' and (
        exists (
            select from workflow_execution_queue e
            where e.workflow_id = q.workflow_id and e.state = 'ready' and e.counted and e.seq < q.seq)
        or room_under_cap(q.workflow_id, cap) <= 0
    ) then
        return;
    end if;
    return query
        update workflow_execution_queue c set
            state = 'starting', holder = claimer, lease_epoch = c.lease_epoch + 1,
            lease_until = now() + make_interval(secs => lease_s), attempts = c.attempts + 1, not_before = null
        where c.run_id = run
        returning c.*;
end
$$;

ALTER FUNCTION public.claim_run(run uuid, claimer text, lease_s double precision) OWNER TO ms_owner;

CREATE FUNCTION public.claim_runs(claimer text, most integer, lease_s double precision) RETURNS SETOF public.workflow_execution_queue
    LANGUAGE plpgsql
    AS $$
declare
    candidate record;
    claimed workflow_execution_queue;
    room integer := most;
    share integer;
    take integer;
    fits integer;
    gave_all boolean;
begin
    update workflow_execution_queue q set state = 'ready', lease_until = null, holder = null
    where q.run_id in (
        select e.run_id from workflow_execution_queue e
        where e.state = 'starting' and e.lease_until < now()
        order by e.lease_until
        limit 100
        for update skip locked);

    for pass in 1..2 loop
        gave_all := true;
        for candidate in
            -- One index step per workflow, however many of its runs wait.
            with recursive heads as (
                (
                    select q.workspace_id, q.workflow_id, q.seq from workflow_execution_queue q
                    where q.state = 'ready' order by q.workflow_id, q.seq limit 1
                )
                union all
                select n.workspace_id, n.workflow_id, n.seq
                from heads h
                cross join lateral (
                    select q.workspace_id, q.workflow_id, q.seq from workflow_execution_queue q
                    where q.state = 'ready' and q.workflow_id > h.workflow_id order by q.workflow_id, q.seq limit 1
                ) n
            )
            select h.workflow_id, w.max_concurrent_runs as cap, count(*) over () as total
            from heads h
            join workflows w on w.workflow_id = h.workflow_id
            order by row_number() over (partition by h.workspace_id order by h.seq), h.seq
            limit 1000
        loop
            exit when room <= 0;
            share := case pass when 1 then greatest(1, most / candidate.total::integer) else room end;
            take := least(room, share);
            if candidate.cap is null then
                for claimed in select * from claim_of_workflow(candidate.workflow_id, null, take, claimer, lease_s) loop
                    room := room - 1;
                    take := take - 1;
                    return next claimed;
                end loop;
            else
                for claimed in select * from claim_of_workflow(candidate.workflow_id, false, take, claimer, lease_s) loop
                    room := room - 1;
                    take := take - 1;
                    return next claimed;
                end loop;
                fits := case when take > 0 then room_under_cap(candidate.workflow_id, candidate.cap) else 0 end;
                if fits > 0 then
                    for claimed in
                        select * from claim_of_workflow(candidate.workflow_id, true, least(take, fits), claimer, lease_s)
                    loop
                        room := room - 1;
                        take := take - 1;
                        return next claimed;
                    end loop;
                end if;
            end if;
            gave_all := gave_all and take > 0;
        end loop;
        -- Nobody used up its share: a second pass would find nothing.
        exit when gave_all or room <= 0;
    end loop;
end
$$;

ALTER FUNCTION public.claim_runs(claimer text, most integer, lease_s double precision) OWNER TO ms_owner;

CREATE FUNCTION public.drop_workflow_views(id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
    if not exists (select from workflows where workflow_id = id) then
        execute format('drop schema if exists %I cascade', 'wf_' || replace(id::text, '-', ''));
    end if;
end
$$;

ALTER FUNCTION public.drop_workflow_views(id uuid) OWNER TO ms_owner;

CREATE FUNCTION public.ensure_weeks(ahead integer) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    parent text;
    week timestamp;
    name text;
begin
    perform pg_advisory_xact_lock(hashtextextended('millstream.weeks', 0));
    for week in
        select generate_series(
            date_trunc('week', now() at time zone 'UTC') - interval '1 week',
            date_trunc('week', now() at time zone 'UTC') + ahead * interval '1 week',
            interval '1 week')
    loop
        foreach parent in array array['workflow_runs', 'workflow_execution_logs', 'workflow_payloads'] loop
            name := parent || '_' || to_char(week, 'YYYYMMDD');
            continue when to_regclass('public.' || name) is not null;
            execute format('create table public.%I (like public.%I including defaults including constraints)', name, parent);
            -- Nobody has a right here; should one ever be granted, there is still no policy that shows a row.
            execute format('alter table public.%I enable row level security', name);
            execute format('alter table public.%I force row level security', name);
            execute format('alter table public.%I attach partition public.%I for values from (%L) to (%L)', parent, name,
                uuid7_floor(week at time zone 'UTC'), uuid7_floor((week + interval '1 week') at time zone 'UTC'));
            return next name;
        end loop;
    end loop;
end
$$;

ALTER FUNCTION public.ensure_weeks(ahead integer) OWNER TO ms_owner;

CREATE FUNCTION public.ensure_workflow_views(id uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    space text := 'wf_' || replace(id::text, '-', '');
    source text;
begin
    if to_regnamespace(space) is not null or not exists (select from workflows where workflow_id = id) then
        return space;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('millstream.views', 0));
    execute format('create schema if not exists %I', space);
    foreach source in array array['workflow_execution_queue', 'workflow_execution_logs'] loop
        execute format('create or replace view %I.%I with (security_invoker) as select * from public.%I where workflow_id = %L',
            space, source, source, id);
        execute format('grant select on %I.%I to ms_app, ms_engine', space, source);
    end loop;
    execute format('grant usage on schema %I to ms_app, ms_engine', space);
    return space;
end
$$;

ALTER FUNCTION public.ensure_workflow_views(id uuid) OWNER TO ms_owner;

CREATE TABLE public.workflow_runs (
    workspace_id bigint NOT NULL,
    run_id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    version integer NOT NULL,
    compiled_hash text NOT NULL,
    status text DEFAULT 'queued'::text NOT NULL,
    carrier text DEFAULT 'temporal'::text NOT NULL,
    trigger_type text NOT NULL,
    trigger_id text,
    trigger json NOT NULL,
    output json,
    error json,
    warnings json,
    test boolean DEFAULT false NOT NULL,
    options json,
    replay_of uuid,
    parent_run_id uuid,
    parent_path text,
    depth smallint DEFAULT 0 NOT NULL,
    origin text NOT NULL,
    reply_until timestamp with time zone,
    response json,
    concurrency_key text,
    log text DEFAULT 'full'::text NOT NULL,
    retention_days integer DEFAULT 30 NOT NULL,
    queued_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    cancel_reason text,
    expires_at timestamp with time zone,
    event_seq bigint DEFAULT 1 NOT NULL,
    status_seq bigint DEFAULT 1 NOT NULL,
    changed_xid bigint DEFAULT ((pg_current_xact_id())::text)::bigint NOT NULL,
    search tsvector,
    CONSTRAINT workflow_runs_carrier CHECK ((carrier = ANY (ARRAY['temporal'::text, 'inline'::text, 'simulation'::text]))),
    CONSTRAINT workflow_runs_child_has_path CHECK (((parent_run_id IS NULL) = (parent_path IS NULL))),
    CONSTRAINT workflow_runs_log CHECK ((log = ANY (ARRAY['full'::text, 'errors'::text, 'none'::text]))),
    CONSTRAINT workflow_runs_output_is_no_failures CHECK (((output IS NULL) OR (status = ANY (ARRAY['succeeded'::text, 'cancelled'::text])))),
    CONSTRAINT workflow_runs_retention CHECK (((retention_days >= 0) AND (retention_days <= 36500))),
    CONSTRAINT workflow_runs_status CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'waiting'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text, 'timed_out'::text]))),
    CONSTRAINT workflow_runs_terminal_expires CHECK (((expires_at IS NULL) = (finished_at IS NULL))),
    CONSTRAINT workflow_runs_terminal_has_time CHECK (((status = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text, 'timed_out'::text])) = (finished_at IS NOT NULL)))
)
PARTITION BY RANGE (run_id);

ALTER TABLE ONLY public.workflow_runs FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_runs OWNER TO ms_owner;

CREATE FUNCTION public.finish_run(r public.workflow_runs, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[]) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
declare
    key text;
    next_run uuid;
begin
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
    delete from workflow_execution_queue q where q.run_id = r.run_id returning q.concurrency_key into key;
    if key is not null then
        update workflow_execution_queue q set state = 'ready'
        where q.state = 'blocked' and q.run_id = (
            select f.run_id from workflow_execution_queue f
            where f.workflow_id = r.workflow_id and f.concurrency_key = key
            order by f.seq
            limit 1)
        returning q.run_id into next_run;
    end if;

    delete from workflow_signals s where s.run_id = r.run_id;
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

ALTER FUNCTION public.finish_run(r public.workflow_runs, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[]) OWNER TO ms_owner;

CREATE FUNCTION public.keep_response(workspace bigint, run uuid, answer json) RETURNS text
    LANGUAGE plpgsql
    AS $$
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

ALTER FUNCTION public.keep_response(workspace bigint, run uuid, answer json) OWNER TO ms_owner;

CREATE FUNCTION public.lock_key(workflow uuid, key text) RETURNS void
    LANGUAGE sql
    AS $$ select pg_advisory_xact_lock(hashtextextended(workflow::text || ':' || key, 1)) $$;

ALTER FUNCTION public.lock_key(workflow uuid, key text) OWNER TO ms_owner;

CREATE FUNCTION public.post_resume(workspace bigint, run uuid, step_path text, posted json) RETURNS text
    LANGUAGE plpgsql
    AS $$
declare
    r workflow_runs;
    last_status text;
begin
    perform act_for(workspace);
    select * into r from workflow_runs w where w.run_id = run and w.workspace_id = workspace for no key update;
    if not found then
        return 'unknown';
    end if;
    if exists (select from workflow_resumes p where p.run_id = run and p.path = step_path) then
        return 'second';
    end if;
    -- A scope that is tried again waits again: its last attempt counts.
    select l.status into last_status from workflow_execution_logs l
    where l.run_id = run and l.path = step_path
    order by l.attempt desc limit 1;
    if r.finished_at is not null or last_status not in ('running', 'waiting') then
        return 'ended';
    end if;
    insert into workflow_resumes (workspace_id, run_id, path, body) values (workspace, run, step_path, posted);
    insert into workflow_signals (workspace_id, run_id, kind, path) values (workspace, run, 'resume', step_path);
    return 'posted';
end
$$;

ALTER FUNCTION public.post_resume(workspace bigint, run uuid, step_path text, posted json) OWNER TO ms_owner;

CREATE FUNCTION public.present() RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    select coalesce(nullif(current_setting('app.clock', true), '')::timestamptz, clock_timestamp())
$$;

ALTER FUNCTION public.present() OWNER TO ms_owner;

CREATE PROCEDURE public.protect_tenant_table(IN name text)
    LANGUAGE plpgsql
    AS $_$
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
$_$;

ALTER PROCEDURE public.protect_tenant_table(IN name text) OWNER TO ms_owner;

CREATE FUNCTION public.rate_kept(starts timestamp with time zone[], count integer, at timestamp with time zone) RETURNS timestamp with time zone[]
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    select case
        when cardinality(starts) = 0 then array['-infinity', at]
        else (starts || at)[cardinality(starts) + 2 - least(1000, greatest(cardinality(starts), count), cardinality(starts) + 1):]
    end
$$;

ALTER FUNCTION public.rate_kept(starts timestamp with time zone[], count integer, at timestamp with time zone) OWNER TO ms_owner;

CREATE FUNCTION public.rate_next(starts timestamp with time zone[], count integer, per_s double precision, moment timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    select greatest(
        moment,
        starts[cardinality(starts)],
        starts[greatest(1, cardinality(starts) - count / parts.k + 1)]
            + make_interval(secs => ceil(least(per_s, 3155760000) / parts.k * 1e6) / 1e6))
    from (select (count - 1) / 1000 + 1 as k) as parts
$$;

ALTER FUNCTION public.rate_next(starts timestamp with time zone[], count integer, per_s double precision, moment timestamp with time zone) OWNER TO ms_owner;

CREATE FUNCTION public.record_steps(workspace bigint, run uuid, paths text[], attempts integer[], steps text[], modules text[], iterations integer[], statuses text[], starts timestamp with time zone[], ends timestamp with time zone[], inputs text[], outputs text[], errors text[], handles text[], step_logs text[], wait_kinds text[], wait_reasons text[], wait_untils timestamp with time zone[], resume_urls text[], child_run_ids uuid[], mocks text[], keys text[], retry_ats timestamp with time zone[], refs text[], media_types text[], bodies bytea[], waiting boolean, began_at timestamp with time zone, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[]) RETURNS TABLE(status text, finished_now boolean, last_seq bigint, cancel_requested boolean, cancel_reason text, next_run uuid, refused_paths text[], refused_attempts integer[])
    LANGUAGE plpgsql
    AS $$
declare
    r workflow_runs;
    changed integer := 0;
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

    if end_status is not null then
        r.started_at := coalesce(r.started_at, began_at, now());
        r.event_seq := last_seq;
        next_run := finish_run(r, end_status, end_output, end_error, end_warnings, coalesce(end_at, now()),
            coalesce(words, '{}'));
        status := end_status;
        finished_now := true;
        last_seq := last_seq + 1;
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
            status_seq = last_seq, changed_xid = pg_current_xact_id()::text::bigint
        where w.run_id = run;
    elsif changed > 0 then
        update workflow_runs w set event_seq = last_seq where w.run_id = run;
    end if;
    return next;
end
$$;

ALTER FUNCTION public.record_steps(workspace bigint, run uuid, paths text[], attempts integer[], steps text[], modules text[], iterations integer[], statuses text[], starts timestamp with time zone[], ends timestamp with time zone[], inputs text[], outputs text[], errors text[], handles text[], step_logs text[], wait_kinds text[], wait_reasons text[], wait_untils timestamp with time zone[], resume_urls text[], child_run_ids uuid[], mocks text[], keys text[], retry_ats timestamp with time zone[], refs text[], media_types text[], bodies bytea[], waiting boolean, began_at timestamp with time zone, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[]) OWNER TO ms_owner;

CREATE FUNCTION public.request_cancel(workspace bigint, run uuid, reason text) RETURNS TABLE(outcome text, next_run uuid)
    LANGUAGE plpgsql
    AS $$
declare
    r workflow_runs;
    place text;
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
        -- Before the queue row: who ends the run before it in its key holds the key and wants that row.
        if r.concurrency_key is not null then
            perform lock_key(r.workflow_id, r.concurrency_key);
        end if;
        -- Locked, so that it can't be claimed while it ends here.
        select q.state into place from workflow_execution_queue q where q.run_id = run for update;
        if r.status = 'queued' and r.started_at is null and place in ('blocked', 'ready') then
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

ALTER FUNCTION public.request_cancel(workspace bigint, run uuid, reason text) OWNER TO ms_owner;

CREATE FUNCTION public.room_under_cap(workflow uuid, cap integer) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare
    busy integer;
begin
    if not pg_try_advisory_xact_lock(hashtextextended(workflow::text, 2)) then
        return 0;
    end if;
    select count(*) into busy from (
        select from workflow_execution_queue q
        where q.workflow_id = workflow and q.state in ('starting', 'started') and q.counted
        limit cap
    ) as open;
    return cap - busy;
end
$$;

ALTER FUNCTION public.room_under_cap(workflow uuid, cap integer) OWNER TO ms_owner;

CREATE FUNCTION public.search_runs(words text[], of_workflow uuid, of_statuses text[], of_version integer, of_trigger text, lowest uuid, below uuid, most integer) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
declare
    workspace bigint := nullif(current_setting('app.ws', true), '')::bigint;
    query tsquery := quote_literal('#' || workspace)::tsquery;
    word text;
begin
    if workspace is null then
        return;
    end if;
    foreach word in array words loop
        query := query && case when word like '%*' then (quote_literal(rtrim(word, '*')) || ':*')::tsquery
            else quote_literal(word)::tsquery end;
    end loop;
    return query
        select r.run_id from public.workflow_runs r
        where r.search @@ query and r.workspace_id = workspace
            and (of_workflow is null or r.workflow_id = of_workflow)
            and (of_statuses is null or r.status = any (of_statuses))
            and (of_version is null or r.version = of_version)
            and (of_trigger is null or r.trigger_type = of_trigger)
            and r.run_id >= lowest and r.run_id < below
        order by r.run_id desc
        limit most;
end
$$;

ALTER FUNCTION public.search_runs(words text[], of_workflow uuid, of_statuses text[], of_version integer, of_trigger text, lowest uuid, below uuid, most integer) OWNER TO ms_search;

CREATE FUNCTION public.uuid7_floor(moment timestamp with time zone) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ((lpad(to_hex((floor((EXTRACT(epoch FROM moment) * (1000)::numeric)))::bigint), 12, '0'::text) || repeat('0'::text, 20)))::uuid;

ALTER FUNCTION public.uuid7_floor(moment timestamp with time zone) OWNER TO ms_owner;

CREATE TABLE public.access_rights (
    role text NOT NULL,
    action text NOT NULL,
    CONSTRAINT access_rights_role CHECK ((role = ANY (ARRAY['owner'::text, 'editor'::text, 'viewer'::text])))
);

ALTER TABLE public.access_rights OWNER TO ms_owner;

CREATE TABLE public.api_keys (
    workspace_id bigint NOT NULL,
    api_key_id uuid NOT NULL,
    user_id bigint,
    name text NOT NULL,
    prefix text NOT NULL,
    hash bytea NOT NULL,
    role text NOT NULL,
    scopes text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    CONSTRAINT api_keys_hash_is_sha256 CHECK ((octet_length(hash) = 32)),
    CONSTRAINT api_keys_role CHECK ((role = ANY (ARRAY['owner'::text, 'editor'::text, 'viewer'::text])))
);

ALTER TABLE ONLY public.api_keys FORCE ROW LEVEL SECURITY;

ALTER TABLE public.api_keys OWNER TO ms_owner;

CREATE TABLE public.app_queue (
    workspace_id bigint NOT NULL,
    queue_id uuid NOT NULL,
    item_id uuid NOT NULL,
    seq bigint NOT NULL,
    lane text NOT NULL,
    ordering_key text,
    state text DEFAULT 'waiting'::text NOT NULL,
    data bytea NOT NULL,
    size integer NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    available_at timestamp with time zone,
    run_id uuid,
    error json,
    failed_at timestamp with time zone,
    CONSTRAINT app_queue_dead_has_time CHECK (((state = 'dead'::text) = (failed_at IS NOT NULL))),
    CONSTRAINT app_queue_delayed_has_time CHECK (((state <> 'delayed'::text) OR (available_at IS NOT NULL))),
    CONSTRAINT app_queue_state CHECK ((state = ANY (ARRAY['waiting'::text, 'delayed'::text, 'dead'::text])))
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0');

ALTER TABLE ONLY public.app_queue FORCE ROW LEVEL SECURITY;

ALTER TABLE public.app_queue OWNER TO ms_owner;

CREATE TABLE public.app_queue_batches (
    workspace_id bigint NOT NULL,
    queue_id uuid NOT NULL,
    lane text NOT NULL,
    batch_id uuid NOT NULL,
    run_id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    state text DEFAULT 'claimed'::text NOT NULL,
    attempt integer DEFAULT 1 NOT NULL,
    reason text NOT NULL,
    members bigint[] NOT NULL,
    rest bigint[],
    cuts integer[],
    epoch bigint NOT NULL,
    holder text,
    lease_until timestamp with time zone,
    not_before timestamp with time zone,
    error json,
    claimed_at timestamp with time zone NOT NULL,
    CONSTRAINT app_queue_batches_has_members CHECK ((cardinality(members) > 0)),
    CONSTRAINT app_queue_batches_lease CHECK (((state = 'claimed'::text) = (lease_until IS NOT NULL))),
    CONSTRAINT app_queue_batches_parts CHECK (((rest IS NULL) = (cuts IS NULL))),
    CONSTRAINT app_queue_batches_reason CHECK ((reason = ANY (ARRAY['full'::text, 'age'::text, 'demand'::text]))),
    CONSTRAINT app_queue_batches_rest CHECK (((state = 'resting'::text) = (not_before IS NOT NULL))),
    CONSTRAINT app_queue_batches_state CHECK ((state = ANY (ARRAY['claimed'::text, 'running'::text, 'resting'::text, 'blocked'::text])))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='500');

ALTER TABLE ONLY public.app_queue_batches FORCE ROW LEVEL SECURITY;

ALTER TABLE public.app_queue_batches OWNER TO ms_owner;

CREATE TABLE public.app_queue_counts (
    workspace_id bigint NOT NULL,
    queue_id uuid NOT NULL,
    count_id bigint NOT NULL,
    depth bigint DEFAULT 0 NOT NULL,
    in_flight bigint DEFAULT 0 NOT NULL,
    delayed bigint DEFAULT 0 NOT NULL,
    dead bigint DEFAULT 0 NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='1000');

ALTER TABLE ONLY public.app_queue_counts FORCE ROW LEVEL SECURITY;

ALTER TABLE public.app_queue_counts OWNER TO ms_owner;

ALTER TABLE public.app_queue_counts ALTER COLUMN count_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.app_queue_counts_count_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.app_queue_dedupe (
    workspace_id bigint NOT NULL,
    queue_id uuid NOT NULL,
    dedupe_key text NOT NULL,
    item_id uuid NOT NULL,
    until timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.app_queue_dedupe FORCE ROW LEVEL SECURITY;

ALTER TABLE public.app_queue_dedupe OWNER TO ms_owner;

CREATE SEQUENCE public.app_queue_epoch
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.app_queue_epoch OWNER TO ms_owner;

CREATE TABLE public.app_queue_keys (
    workspace_id bigint NOT NULL,
    queue_id uuid NOT NULL,
    lane text NOT NULL,
    state text DEFAULT 'ready'::text NOT NULL,
    depth integer DEFAULT 0 NOT NULL,
    bytes bigint DEFAULT 0 NOT NULL,
    oldest_at timestamp with time zone,
    due_at timestamp with time zone,
    flush_through bigint DEFAULT 0 NOT NULL,
    CONSTRAINT app_queue_keys_depth CHECK (((depth >= 0) AND (bytes >= 0))),
    CONSTRAINT app_queue_keys_state CHECK ((state = ANY (ARRAY['ready'::text, 'held'::text, 'blocked'::text])))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='500', autovacuum_vacuum_cost_delay='0');

ALTER TABLE ONLY public.app_queue_keys FORCE ROW LEVEL SECURITY;

ALTER TABLE public.app_queue_keys OWNER TO ms_owner;

CREATE TABLE public.app_queue_logs (
    workspace_id bigint NOT NULL,
    queue_id uuid NOT NULL,
    run_id uuid NOT NULL,
    batch_id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    attempt integer NOT NULL,
    ordering_key text,
    items integer NOT NULL,
    reason text NOT NULL,
    status text DEFAULT 'running'::text NOT NULL,
    fate text,
    error json,
    flushed_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT app_queue_logs_end CHECK ((((status = 'running'::text) = (finished_at IS NULL)) AND ((status = 'running'::text) = (fate IS NULL)))),
    CONSTRAINT app_queue_logs_fate CHECK ((fate = ANY (ARRAY['done'::text, 'retried'::text, 'blocked'::text, 'dead_lettered'::text, 'bisected'::text, 'returned'::text]))),
    CONSTRAINT app_queue_logs_reason CHECK ((reason = ANY (ARRAY['full'::text, 'age'::text, 'demand'::text, 'retry'::text, 'bisect'::text]))),
    CONSTRAINT app_queue_logs_status CHECK ((status = ANY (ARRAY['running'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text, 'timed_out'::text])))
);

ALTER TABLE ONLY public.app_queue_logs FORCE ROW LEVEL SECURITY;

ALTER TABLE public.app_queue_logs OWNER TO ms_owner;

CREATE TABLE public.app_queue_operations (
    workspace_id bigint NOT NULL,
    operation text NOT NULL,
    accepted integer DEFAULT 0 NOT NULL,
    duplicates integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.app_queue_operations FORCE ROW LEVEL SECURITY;

ALTER TABLE public.app_queue_operations OWNER TO ms_owner;

CREATE SEQUENCE public.app_queue_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.app_queue_seq OWNER TO ms_owner;

CREATE TABLE public.events_to_be_processed (
    workspace_id bigint NOT NULL,
    event_id uuid NOT NULL,
    source text NOT NULL,
    dedupe_key text,
    dedupe_until timestamp with time zone,
    run_id uuid NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT events_dedupe_is_whole CHECK (((dedupe_key IS NULL) = (dedupe_until IS NULL)))
);

ALTER TABLE ONLY public.events_to_be_processed FORCE ROW LEVEL SECURITY;

ALTER TABLE public.events_to_be_processed OWNER TO ms_owner;

CREATE TABLE public.idempotency_keys (
    workspace_id bigint NOT NULL,
    key text NOT NULL,
    route text NOT NULL,
    body_hash bytea NOT NULL,
    status smallint,
    answer json,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT idempotency_keys_answer_comes_with_status CHECK (((answer IS NULL) OR (status IS NOT NULL)))
);

ALTER TABLE ONLY public.idempotency_keys FORCE ROW LEVEL SECURITY;

ALTER TABLE public.idempotency_keys OWNER TO ms_owner;

CREATE TABLE public.key_value_operations (
    workspace_id bigint NOT NULL,
    operation text NOT NULL,
    answer json NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.key_value_operations FORCE ROW LEVEL SECURITY;

ALTER TABLE public.key_value_operations OWNER TO ms_owner;

CREATE TABLE public.key_values (
    workspace_id bigint NOT NULL,
    scope text NOT NULL,
    key text NOT NULL,
    value json,
    version bigint NOT NULL,
    expires_at timestamp with time zone,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT key_values_key_is_short CHECK (((length(key) >= 1) AND (length(key) <= 512)))
)
WITH (fillfactor='80');

ALTER TABLE ONLY public.key_values FORCE ROW LEVEL SECURITY;

ALTER TABLE public.key_values OWNER TO ms_owner;

CREATE TABLE public.queue_rate_limiting (
    workspace_id bigint NOT NULL,
    queue_id uuid NOT NULL,
    starts timestamp with time zone[] DEFAULT '{}'::timestamp with time zone[] NOT NULL
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='500');

ALTER TABLE ONLY public.queue_rate_limiting FORCE ROW LEVEL SECURITY;

ALTER TABLE public.queue_rate_limiting OWNER TO ms_owner;

CREATE TABLE public.workflows (
    workspace_id bigint NOT NULL,
    workflow_id uuid NOT NULL,
    name text NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    live_version integer,
    max_concurrent_runs integer,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by bigint,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT workflows_cap_is_positive CHECK ((max_concurrent_runs > 0)),
    CONSTRAINT workflows_deleted_has_time CHECK (((status = 'deleted'::text) = (deleted_at IS NOT NULL))),
    CONSTRAINT workflows_name CHECK ((name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'::text)),
    CONSTRAINT workflows_status CHECK ((status = ANY (ARRAY['active'::text, 'paused'::text, 'deleted'::text])))
);

ALTER TABLE ONLY public.workflows FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workflows OWNER TO ms_owner;

CREATE VIEW public.run_headers WITH (security_invoker='true') AS
 SELECT r.workspace_id,
    r.run_id,
    r.workflow_id,
    w.name AS workflow,
    r.version,
    r.status,
    r.carrier,
    r.trigger_type,
    r.trigger_id,
    r.trigger,
    r.output,
    r.error,
    r.warnings,
    r.test,
    r.options,
    r.replay_of,
    r.parent_run_id,
    r.parent_path,
    r.depth,
    r.origin,
    r.reply_until,
    r.response,
    r.concurrency_key,
    r.log,
    r.retention_days,
    r.queued_at,
    r.started_at,
    r.finished_at,
    r.cancel_requested_at,
    r.cancel_reason,
    r.expires_at,
    r.event_seq,
    r.status_seq,
    r.changed_xid,
    r.compiled_hash,
        CASE
            WHEN (q.state = 'blocked'::text) THEN 'key'::text
            WHEN ((q.state = 'ready'::text) AND q.counted AND (w.max_concurrent_runs <= ( SELECT count(*) AS count
               FROM public.workflow_execution_queue o
              WHERE ((o.workflow_id = q.workflow_id) AND (o.state = ANY (ARRAY['starting'::text, 'started'::text])) AND o.counted)))) THEN 'cap'::text
            WHEN (q.state = ANY (ARRAY['ready'::text, 'starting'::text])) THEN 'start'::text
            ELSE NULL::text
        END AS queued_for
   FROM ((public.workflow_runs r
     JOIN public.workflows w ON ((w.workflow_id = r.workflow_id)))
     LEFT JOIN public.workflow_execution_queue q ON ((q.run_id = r.run_id)));

ALTER VIEW public.run_headers OWNER TO ms_owner;

CREATE TABLE public.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.schema_migrations OWNER TO ms_owner;

CREATE TABLE public.user_roles (
    workspace_id bigint NOT NULL,
    user_id bigint NOT NULL,
    role text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT user_roles_role CHECK ((role = ANY (ARRAY['owner'::text, 'editor'::text, 'viewer'::text])))
);

ALTER TABLE ONLY public.user_roles FORCE ROW LEVEL SECURITY;

ALTER TABLE public.user_roles OWNER TO ms_owner;

CREATE TABLE public.users (
    user_id bigint NOT NULL,
    external_id text,
    email text NOT NULL,
    name text,
    options jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT users_email_has_a_domain CHECK ((email ~~ '%_@_%'::text))
);

ALTER TABLE ONLY public.users FORCE ROW LEVEL SECURITY;

ALTER TABLE public.users OWNER TO ms_owner;

ALTER TABLE public.users ALTER COLUMN user_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.users_user_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.workflow_execution_logs (
    workspace_id bigint NOT NULL,
    run_id uuid NOT NULL,
    path text NOT NULL,
    attempt integer NOT NULL,
    workflow_id uuid NOT NULL,
    step text NOT NULL,
    module text NOT NULL,
    iteration integer,
    status text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    input json,
    output json,
    error json,
    handle text,
    logs json,
    wait_kind text,
    wait_reason text,
    wait_until timestamp with time zone,
    resume_url text,
    child_run_id uuid,
    mocked text,
    idempotency_key text,
    retry_at timestamp with time zone,
    ordinal bigint NOT NULL,
    seq bigint NOT NULL,
    CONSTRAINT workflow_execution_logs_attempt CHECK ((attempt >= 0)),
    CONSTRAINT workflow_execution_logs_mocked CHECK ((mocked = ANY (ARRAY['mock'::text, 'last_output'::text, 'example'::text, 'schema'::text, 'replay'::text]))),
    CONSTRAINT workflow_execution_logs_status CHECK ((status = ANY (ARRAY['running'::text, 'waiting'::text, 'succeeded'::text, 'failed'::text, 'skipped'::text, 'cancelled'::text]))),
    CONSTRAINT workflow_execution_logs_terminal_has_time CHECK (((status = ANY (ARRAY['running'::text, 'waiting'::text])) = (finished_at IS NULL))),
    CONSTRAINT workflow_execution_logs_wait_kind CHECK ((wait_kind = ANY (ARRAY['event'::text, 'timer'::text, 'child'::text, 'retry'::text, 'throttle'::text])))
)
PARTITION BY RANGE (run_id);

ALTER TABLE ONLY public.workflow_execution_logs FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_execution_logs OWNER TO ms_owner;

ALTER TABLE public.workflow_execution_queue ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.workflow_execution_queue_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.workflow_payloads (
    workspace_id bigint NOT NULL,
    run_id uuid NOT NULL,
    ref text NOT NULL,
    kind text NOT NULL,
    media_type text NOT NULL,
    bytes bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT workflow_payloads_kind CHECK ((kind = ANY (ARRAY['data'::text, 'carrier'::text])))
)
PARTITION BY RANGE (run_id);

ALTER TABLE ONLY public.workflow_payloads FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_payloads OWNER TO ms_owner;

CREATE TABLE public.workflow_resumes (
    workspace_id bigint NOT NULL,
    run_id uuid NOT NULL,
    path text NOT NULL,
    body json,
    posted_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.workflow_resumes FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_resumes OWNER TO ms_owner;

CREATE TABLE public.workflow_signals (
    workspace_id bigint NOT NULL,
    signal_id bigint NOT NULL,
    run_id uuid NOT NULL,
    kind text NOT NULL,
    path text,
    child_run_id uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    lease_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT workflow_signals_child CHECK (((kind = 'child'::text) = (child_run_id IS NOT NULL))),
    CONSTRAINT workflow_signals_kind CHECK ((kind = ANY (ARRAY['cancel'::text, 'resume'::text, 'child'::text])))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='500');

ALTER TABLE ONLY public.workflow_signals FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_signals OWNER TO ms_owner;

ALTER TABLE public.workflow_signals ALTER COLUMN signal_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.workflow_signals_signal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.workflows_app_queues (
    workspace_id bigint NOT NULL,
    queue_id uuid NOT NULL,
    name text NOT NULL,
    status text DEFAULT 'running'::text NOT NULL,
    flush_batch_size integer DEFAULT 1000 NOT NULL,
    flush_record_max_age double precision DEFAULT 60 NOT NULL,
    flush_rate_limit_max_flush_count integer DEFAULT 10 NOT NULL,
    flush_rate_limit_time_window double precision DEFAULT 1 NOT NULL,
    flush_strategy text DEFAULT 'fifo'::text NOT NULL,
    ordering text DEFAULT 'queue'::text NOT NULL,
    max_parallel_batches integer DEFAULT 1 NOT NULL,
    on_failure text DEFAULT 'block'::text NOT NULL,
    max_attempts integer DEFAULT 3 NOT NULL,
    dedupe_window double precision DEFAULT 86400 NOT NULL,
    consumer_workflow_id uuid,
    consumer_trigger_id text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by bigint,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT workflows_app_queues_age CHECK (((flush_record_max_age >= (1)::double precision) AND (flush_record_max_age <= (86400)::double precision))),
    CONSTRAINT workflows_app_queues_attempts CHECK (((max_attempts >= 1) AND (max_attempts <= 100))),
    CONSTRAINT workflows_app_queues_batch CHECK (((flush_batch_size >= 1) AND (flush_batch_size <= 10000))),
    CONSTRAINT workflows_app_queues_consumer CHECK (((consumer_workflow_id IS NULL) = (consumer_trigger_id IS NULL))),
    CONSTRAINT workflows_app_queues_name CHECK ((name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'::text)),
    CONSTRAINT workflows_app_queues_on_failure CHECK ((on_failure = ANY (ARRAY['block'::text, 'dead_letter'::text, 'bisect'::text]))),
    CONSTRAINT workflows_app_queues_ordering CHECK ((ordering = ANY (ARRAY['queue'::text, 'key'::text]))),
    CONSTRAINT workflows_app_queues_parallel CHECK (((max_parallel_batches = 1) OR ((ordering = 'key'::text) AND ((max_parallel_batches >= 2) AND (max_parallel_batches <= 1000))))),
    CONSTRAINT workflows_app_queues_rate CHECK ((((flush_rate_limit_max_flush_count >= 1) AND (flush_rate_limit_max_flush_count <= 100000)) AND ((flush_rate_limit_time_window >= (0.001)::double precision) AND (flush_rate_limit_time_window <= (86400)::double precision)))),
    CONSTRAINT workflows_app_queues_status CHECK ((status = ANY (ARRAY['running'::text, 'paused'::text]))),
    CONSTRAINT workflows_app_queues_strategy CHECK (((flush_strategy = 'fifo'::text) OR ((flush_strategy = 'lifo'::text) AND (ordering = 'queue'::text)))),
    CONSTRAINT workflows_app_queues_window CHECK (((dedupe_window >= (0)::double precision) AND (dedupe_window <= (31536000)::double precision)))
);

ALTER TABLE ONLY public.workflows_app_queues FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workflows_app_queues OWNER TO ms_owner;

CREATE TABLE public.workflows_documents (
    workspace_id bigint NOT NULL,
    compiled_hash text NOT NULL,
    content_hash text NOT NULL,
    compiled json NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    retired_at timestamp with time zone
);

ALTER TABLE ONLY public.workflows_documents FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workflows_documents OWNER TO ms_owner;

CREATE TABLE public.workflows_modules (
    workspace_id bigint,
    module text NOT NULL,
    version integer NOT NULL,
    title text NOT NULL,
    category text NOT NULL,
    kind text NOT NULL,
    effect text NOT NULL,
    idempotent boolean NOT NULL,
    input_schema json NOT NULL,
    output_schema json NOT NULL,
    handles json NOT NULL,
    slots text[] NOT NULL,
    timeout double precision NOT NULL,
    retry json NOT NULL,
    example json NOT NULL,
    manual text NOT NULL,
    available boolean DEFAULT true NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT workflows_modules_effect CHECK ((effect = ANY (ARRAY['none'::text, 'read'::text, 'write'::text, 'by_input'::text]))),
    CONSTRAINT workflows_modules_kind CHECK ((kind = ANY (ARRAY['trigger'::text, 'control'::text, 'action'::text]))),
    CONSTRAINT workflows_modules_version CHECK ((version > 0))
);

ALTER TABLE ONLY public.workflows_modules FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workflows_modules OWNER TO ms_owner;

CREATE TABLE public.workflows_variables (
    workspace_id bigint NOT NULL,
    variable_id uuid NOT NULL,
    name text NOT NULL,
    value json NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_by bigint,
    CONSTRAINT workflows_variables_name CHECK ((name ~ '^[A-Za-z_][A-Za-z0-9_]{0,62}$'::text))
);

ALTER TABLE ONLY public.workflows_variables FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workflows_variables OWNER TO ms_owner;

CREATE TABLE public.workflows_versions (
    workspace_id bigint NOT NULL,
    workflow_id uuid NOT NULL,
    version integer NOT NULL,
    revision integer DEFAULT 1 NOT NULL,
    document json NOT NULL,
    content_hash text NOT NULL,
    note text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by bigint,
    CONSTRAINT workflows_versions_revision CHECK ((revision > 0)),
    CONSTRAINT workflows_versions_version CHECK ((version >= 0))
);

ALTER TABLE ONLY public.workflows_versions FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workflows_versions OWNER TO ms_owner;

CREATE TABLE public.workspace_keys (
    workspace_id bigint NOT NULL,
    number integer NOT NULL,
    master text NOT NULL,
    wrapped bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT workspace_keys_number CHECK ((number > 0))
);

ALTER TABLE ONLY public.workspace_keys FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workspace_keys OWNER TO ms_owner;

CREATE TABLE public.workspaces (
    workspace_id bigint NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    plan text DEFAULT 'self_hosted'::text NOT NULL,
    options jsonb DEFAULT '{}'::jsonb NOT NULL,
    data_protection jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT workspaces_slug_is_an_address CHECK ((slug ~ '^[a-z0-9][a-z0-9_-]{0,62}$'::text))
);

ALTER TABLE ONLY public.workspaces FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workspaces OWNER TO ms_owner;

ALTER TABLE public.workspaces ALTER COLUMN workspace_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.workspaces_workspace_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY public.access_rights
    ADD CONSTRAINT access_rights_pkey PRIMARY KEY (role, action);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (api_key_id);

ALTER TABLE ONLY public.app_queue_batches
    ADD CONSTRAINT app_queue_batches_pkey PRIMARY KEY (batch_id);

ALTER TABLE ONLY public.app_queue_batches
    ADD CONSTRAINT app_queue_batches_queue_id_lane_key UNIQUE (queue_id, lane);

ALTER TABLE ONLY public.app_queue_batches
    ADD CONSTRAINT app_queue_batches_run_id_key UNIQUE (run_id);

ALTER TABLE ONLY public.app_queue_counts
    ADD CONSTRAINT app_queue_counts_pkey PRIMARY KEY (queue_id, count_id);

ALTER TABLE ONLY public.app_queue_dedupe
    ADD CONSTRAINT app_queue_dedupe_pkey PRIMARY KEY (queue_id, dedupe_key);

ALTER TABLE ONLY public.app_queue_keys
    ADD CONSTRAINT app_queue_keys_pkey PRIMARY KEY (queue_id, lane);

ALTER TABLE ONLY public.app_queue_logs
    ADD CONSTRAINT app_queue_logs_pkey PRIMARY KEY (queue_id, run_id);

ALTER TABLE ONLY public.app_queue_operations
    ADD CONSTRAINT app_queue_operations_pkey PRIMARY KEY (workspace_id, operation);

ALTER TABLE ONLY public.app_queue
    ADD CONSTRAINT app_queue_pkey PRIMARY KEY (queue_id, item_id);

ALTER TABLE ONLY public.events_to_be_processed
    ADD CONSTRAINT events_to_be_processed_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (workspace_id, key);

ALTER TABLE ONLY public.key_value_operations
    ADD CONSTRAINT key_value_operations_pkey PRIMARY KEY (workspace_id, operation);

ALTER TABLE ONLY public.key_values
    ADD CONSTRAINT key_values_pkey PRIMARY KEY (workspace_id, scope, key);

ALTER TABLE ONLY public.queue_rate_limiting
    ADD CONSTRAINT queue_rate_limiting_pkey PRIMARY KEY (queue_id);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.user_roles
    ADD CONSTRAINT user_roles_pkey PRIMARY KEY (user_id, workspace_id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_external_id_key UNIQUE (external_id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.workflow_execution_logs
    ADD CONSTRAINT workflow_execution_logs_pkey PRIMARY KEY (run_id, path, attempt);

ALTER TABLE ONLY public.workflow_execution_queue
    ADD CONSTRAINT workflow_execution_queue_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY public.workflow_payloads
    ADD CONSTRAINT workflow_payloads_pkey PRIMARY KEY (run_id, ref);

ALTER TABLE ONLY public.workflow_resumes
    ADD CONSTRAINT workflow_resumes_pkey PRIMARY KEY (run_id, path);

ALTER TABLE ONLY public.workflow_runs
    ADD CONSTRAINT workflow_runs_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY public.workflow_signals
    ADD CONSTRAINT workflow_signals_pkey PRIMARY KEY (signal_id);

ALTER TABLE ONLY public.workflows_app_queues
    ADD CONSTRAINT workflows_app_queues_pkey PRIMARY KEY (queue_id);

ALTER TABLE ONLY public.workflows_app_queues
    ADD CONSTRAINT workflows_app_queues_workspace_id_name_key UNIQUE (workspace_id, name);

ALTER TABLE ONLY public.workflows_app_queues
    ADD CONSTRAINT workflows_app_queues_workspace_id_queue_id_key UNIQUE (workspace_id, queue_id);

ALTER TABLE ONLY public.workflows_documents
    ADD CONSTRAINT workflows_documents_pkey PRIMARY KEY (workspace_id, compiled_hash);

ALTER TABLE ONLY public.workflows_modules
    ADD CONSTRAINT workflows_modules_workspace_id_module_version_key UNIQUE NULLS NOT DISTINCT (workspace_id, module, version);

ALTER TABLE ONLY public.workflows
    ADD CONSTRAINT workflows_pkey PRIMARY KEY (workflow_id);

ALTER TABLE ONLY public.workflows_variables
    ADD CONSTRAINT workflows_variables_pkey PRIMARY KEY (variable_id);

ALTER TABLE ONLY public.workflows_variables
    ADD CONSTRAINT workflows_variables_workspace_id_name_key UNIQUE (workspace_id, name);

ALTER TABLE ONLY public.workflows_versions
    ADD CONSTRAINT workflows_versions_pkey PRIMARY KEY (workflow_id, version);

ALTER TABLE ONLY public.workflows
    ADD CONSTRAINT workflows_workspace_id_workflow_id_key UNIQUE (workspace_id, workflow_id);

ALTER TABLE ONLY public.workspace_keys
    ADD CONSTRAINT workspace_keys_pkey PRIMARY KEY (workspace_id, number);

ALTER TABLE ONLY public.workspaces
    ADD CONSTRAINT workspaces_pkey PRIMARY KEY (workspace_id);

ALTER TABLE ONLY public.workspaces
    ADD CONSTRAINT workspaces_slug_key UNIQUE (slug);

CREATE INDEX api_keys_workspace ON public.api_keys USING btree (workspace_id, api_key_id DESC);

CREATE INDEX app_queue_dead ON public.app_queue USING btree (queue_id, item_id DESC) WHERE (state = 'dead'::text);

CREATE INDEX app_queue_dedupe_until ON public.app_queue_dedupe USING btree (until);

CREATE INDEX app_queue_delayed ON public.app_queue USING btree (queue_id, available_at) WHERE (state = 'delayed'::text);

CREATE INDEX app_queue_keys_blocked ON public.app_queue_keys USING btree (queue_id) WHERE (state = 'blocked'::text);

CREATE INDEX app_queue_keys_due ON public.app_queue_keys USING btree (queue_id, due_at) WHERE ((state = 'ready'::text) AND (due_at IS NOT NULL));

CREATE INDEX app_queue_keys_oldest ON public.app_queue_keys USING btree (queue_id, oldest_at) WHERE (oldest_at IS NOT NULL);

CREATE INDEX app_queue_logs_flushed ON public.app_queue_logs USING btree (flushed_at);

CREATE INDEX app_queue_operations_created ON public.app_queue_operations USING btree (created_at);

CREATE INDEX app_queue_order ON public.app_queue USING btree (queue_id, lane, seq) WHERE (state = 'waiting'::text);

CREATE UNIQUE INDEX events_dedupe ON public.events_to_be_processed USING btree (workspace_id, source, dedupe_key) WHERE (dedupe_key IS NOT NULL);

CREATE INDEX events_received ON public.events_to_be_processed USING btree (received_at);

CREATE INDEX idempotency_keys_expires ON public.idempotency_keys USING btree (expires_at);

CREATE INDEX key_value_operations_created ON public.key_value_operations USING btree (created_at);

CREATE INDEX key_values_expires ON public.key_values USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE INDEX user_roles_workspace ON public.user_roles USING btree (workspace_id);

CREATE UNIQUE INDEX users_email ON public.users USING btree (lower(email));

CREATE INDEX workflow_execution_logs_order ON ONLY public.workflow_execution_logs USING btree (run_id, started_at, ordinal);

CREATE INDEX workflow_execution_logs_seq ON ONLY public.workflow_execution_logs USING btree (run_id, seq);

CREATE INDEX workflow_execution_queue_busy ON public.workflow_execution_queue USING btree (workflow_id) WHERE ((state = ANY (ARRAY['starting'::text, 'started'::text])) AND counted);

CREATE INDEX workflow_execution_queue_key ON public.workflow_execution_queue USING btree (workflow_id, concurrency_key, seq) WHERE (concurrency_key IS NOT NULL);

CREATE INDEX workflow_execution_queue_lease ON public.workflow_execution_queue USING btree (lease_until) WHERE (state = 'starting'::text);

CREATE INDEX workflow_execution_queue_ready ON public.workflow_execution_queue USING btree (workflow_id, seq) WHERE (state = 'ready'::text);

CREATE INDEX workflow_execution_queue_workspace ON public.workflow_execution_queue USING btree (workspace_id, run_id DESC);

CREATE INDEX workflow_resumes_posted ON public.workflow_resumes USING btree (posted_at);

CREATE INDEX workflow_runs_changed ON ONLY public.workflow_runs USING btree (workspace_id, changed_xid, run_id);

CREATE INDEX workflow_runs_expires ON ONLY public.workflow_runs USING btree (expires_at) WHERE (retention_days < 30);

CREATE INDEX workflow_runs_kept_bare ON ONLY public.workflow_runs USING btree (finished_at) WHERE (log = 'none'::text);

CREATE INDEX workflow_runs_parent ON ONLY public.workflow_runs USING btree (parent_run_id) WHERE (parent_run_id IS NOT NULL);

CREATE INDEX workflow_runs_search ON ONLY public.workflow_runs USING gin (search);

CREATE INDEX workflow_runs_unlucky ON ONLY public.workflow_runs USING btree (workspace_id, run_id DESC) WHERE (status = ANY (ARRAY['failed'::text, 'cancelled'::text, 'timed_out'::text]));

CREATE INDEX workflow_runs_workflow ON ONLY public.workflow_runs USING btree (workflow_id, run_id DESC);

CREATE INDEX workflow_runs_workspace ON ONLY public.workflow_runs USING btree (workspace_id, run_id DESC);

CREATE INDEX workflow_signals_run ON public.workflow_signals USING btree (run_id);

CREATE INDEX workflows_app_queues_consumer ON public.workflows_app_queues USING btree (consumer_workflow_id) WHERE (consumer_workflow_id IS NOT NULL);

CREATE UNIQUE INDEX workflows_name ON public.workflows USING btree (workspace_id, name) WHERE (status <> 'deleted'::text);

CREATE UNIQUE INDEX workflows_versions_content ON public.workflows_versions USING btree (workflow_id, content_hash) WHERE (version > 0);

CREATE INDEX workflows_versions_workspace ON public.workflows_versions USING btree (workspace_id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id) ON DELETE SET NULL;

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.key_value_operations
    ADD CONSTRAINT key_value_operations_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.key_values
    ADD CONSTRAINT key_values_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.queue_rate_limiting
    ADD CONSTRAINT queue_rate_limiting_queue_id_fkey FOREIGN KEY (queue_id) REFERENCES public.workflows_app_queues(queue_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_roles
    ADD CONSTRAINT user_roles_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_roles
    ADD CONSTRAINT user_roles_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.workflows_app_queues
    ADD CONSTRAINT workflows_app_queues_created_by_fkey FOREIGN KEY (created_by) REFERENCES public.users(user_id) ON DELETE SET NULL;

ALTER TABLE ONLY public.workflows_app_queues
    ADD CONSTRAINT workflows_app_queues_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.workflows
    ADD CONSTRAINT workflows_created_by_fkey FOREIGN KEY (created_by) REFERENCES public.users(user_id) ON DELETE SET NULL;

ALTER TABLE ONLY public.workflows_documents
    ADD CONSTRAINT workflows_documents_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.workflows_modules
    ADD CONSTRAINT workflows_modules_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.workflows_variables
    ADD CONSTRAINT workflows_variables_updated_by_fkey FOREIGN KEY (updated_by) REFERENCES public.users(user_id) ON DELETE SET NULL;

ALTER TABLE ONLY public.workflows_variables
    ADD CONSTRAINT workflows_variables_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.workflows_versions
    ADD CONSTRAINT workflows_versions_created_by_fkey FOREIGN KEY (created_by) REFERENCES public.users(user_id) ON DELETE SET NULL;

ALTER TABLE ONLY public.workflows_versions
    ADD CONSTRAINT workflows_versions_workspace_id_workflow_id_fkey FOREIGN KEY (workspace_id, workflow_id) REFERENCES public.workflows(workspace_id, workflow_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.workflows
    ADD CONSTRAINT workflows_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.workspace_keys
    ADD CONSTRAINT workspace_keys_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE public.api_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.app_queue ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.app_queue_batches ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.app_queue_counts ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.app_queue_dedupe ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.app_queue_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.app_queue_logs ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.app_queue_operations ENABLE ROW LEVEL SECURITY;

CREATE POLICY engine ON public.api_keys TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.app_queue TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.app_queue_batches TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.app_queue_counts TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.app_queue_dedupe TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.app_queue_keys TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.app_queue_logs TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.app_queue_operations TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.events_to_be_processed TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.idempotency_keys TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.key_value_operations TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.key_values TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.queue_rate_limiting TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.user_roles TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.users TO ms_engine USING (true) WITH CHECK (true);

CREATE POLICY engine ON public.workflow_execution_logs TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflow_execution_queue TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflow_payloads TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflow_resumes TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflow_runs TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflow_signals TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflows TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflows_app_queues TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflows_documents TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflows_modules TO ms_engine USING (true) WITH CHECK (true);

CREATE POLICY engine ON public.workflows_variables TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflows_versions TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workspace_keys TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workspaces TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

ALTER TABLE public.events_to_be_processed ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.idempotency_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.key_value_operations ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.key_values ENABLE ROW LEVEL SECURITY;

CREATE POLICY owner_sees ON public.workflows FOR SELECT TO ms_owner USING (true);

ALTER TABLE public.queue_rate_limiting ENABLE ROW LEVEL SECURITY;

CREATE POLICY search_sees ON public.workflow_runs FOR SELECT TO ms_search USING (true);

CREATE POLICY tenant ON public.api_keys TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.app_queue TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.app_queue_batches TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.app_queue_counts TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.app_queue_dedupe TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.app_queue_keys TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.app_queue_logs TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.app_queue_operations TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.events_to_be_processed TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.idempotency_keys TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.key_value_operations TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.key_values TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.queue_rate_limiting TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.user_roles TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.users FOR SELECT TO ms_app USING ((EXISTS ( SELECT
   FROM public.user_roles
  WHERE (user_roles.user_id = users.user_id))));

CREATE POLICY tenant ON public.workflow_execution_logs TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflow_execution_queue TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflow_payloads TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflow_resumes TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflow_runs TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflow_signals TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflows TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflows_app_queues TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflows_documents TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflows_modules FOR SELECT TO ms_app USING (((workspace_id IS NULL) OR (workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)));

CREATE POLICY tenant ON public.workflows_variables TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflows_versions TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workspace_keys TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workspaces TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

ALTER TABLE public.user_roles ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.users ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_execution_logs ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_execution_queue ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_payloads ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_resumes ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_runs ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_signals ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflows ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflows_app_queues ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflows_documents ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflows_modules ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflows_variables ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflows_versions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workspace_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workspaces ENABLE ROW LEVEL SECURITY;

GRANT ALL ON SCHEMA public TO ms_owner WITH GRANT OPTION;
GRANT USAGE ON SCHEMA public TO ms_app;
RESET SESSION AUTHORIZATION;
GRANT USAGE ON SCHEMA public TO ms_engine;
RESET SESSION AUTHORIZATION;
GRANT USAGE ON SCHEMA public TO ms_search;
RESET SESSION AUTHORIZATION;

REVOKE ALL ON FUNCTION public.accept_run(header jsonb, trigger_data json, options_data json, warnings_data json, compiled_data json, words text[], refs text[], bodies bytea[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.accept_run(header jsonb, trigger_data json, options_data json, warnings_data json, compiled_data json, words text[], refs text[], bodies bytea[]) TO ms_app;
GRANT ALL ON FUNCTION public.accept_run(header jsonb, trigger_data json, options_data json, warnings_data json, compiled_data json, words text[], refs text[], bodies bytea[]) TO ms_engine;

REVOKE ALL ON FUNCTION public.act_for(workspace bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.act_for(workspace bigint) TO ms_app;
GRANT ALL ON FUNCTION public.act_for(workspace bigint) TO ms_engine;

REVOKE ALL ON FUNCTION public.begin_run(workspace bigint, run uuid, began_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.begin_run(workspace bigint, run uuid, began_at timestamp with time zone) TO ms_app;
GRANT ALL ON FUNCTION public.begin_run(workspace bigint, run uuid, began_at timestamp with time zone) TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_execution_queue TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_execution_queue TO ms_engine;

REVOKE ALL ON FUNCTION public.claim_of_workflow(workflow uuid, counts boolean, most integer, claimer text, lease_s double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION public.claim_of_workflow(workflow uuid, counts boolean, most integer, claimer text, lease_s double precision) TO ms_engine;

REVOKE ALL ON FUNCTION public.claim_run(run uuid, claimer text, lease_s double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION public.claim_run(run uuid, claimer text, lease_s double precision) TO ms_engine;

REVOKE ALL ON FUNCTION public.claim_runs(claimer text, most integer, lease_s double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION public.claim_runs(claimer text, most integer, lease_s double precision) TO ms_engine;

REVOKE ALL ON FUNCTION public.drop_workflow_views(id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.drop_workflow_views(id uuid) TO ms_engine;

REVOKE ALL ON FUNCTION public.ensure_weeks(ahead integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ensure_weeks(ahead integer) TO ms_engine;

REVOKE ALL ON FUNCTION public.ensure_workflow_views(id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ensure_workflow_views(id uuid) TO ms_app;
GRANT ALL ON FUNCTION public.ensure_workflow_views(id uuid) TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_runs TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_runs TO ms_engine;

GRANT SELECT(workspace_id) ON TABLE public.workflow_runs TO ms_search;

GRANT SELECT(run_id) ON TABLE public.workflow_runs TO ms_search;

GRANT SELECT(workflow_id) ON TABLE public.workflow_runs TO ms_search;

GRANT SELECT(version) ON TABLE public.workflow_runs TO ms_search;

GRANT SELECT(status) ON TABLE public.workflow_runs TO ms_search;

GRANT SELECT(trigger_type) ON TABLE public.workflow_runs TO ms_search;

GRANT SELECT(test) ON TABLE public.workflow_runs TO ms_search;

GRANT SELECT(search) ON TABLE public.workflow_runs TO ms_search;

REVOKE ALL ON FUNCTION public.finish_run(r public.workflow_runs, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.finish_run(r public.workflow_runs, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[]) TO ms_app;
GRANT ALL ON FUNCTION public.finish_run(r public.workflow_runs, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[]) TO ms_engine;

REVOKE ALL ON FUNCTION public.keep_response(workspace bigint, run uuid, answer json) FROM PUBLIC;
GRANT ALL ON FUNCTION public.keep_response(workspace bigint, run uuid, answer json) TO ms_app;
GRANT ALL ON FUNCTION public.keep_response(workspace bigint, run uuid, answer json) TO ms_engine;

REVOKE ALL ON FUNCTION public.lock_key(workflow uuid, key text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lock_key(workflow uuid, key text) TO ms_app;
GRANT ALL ON FUNCTION public.lock_key(workflow uuid, key text) TO ms_engine;

REVOKE ALL ON FUNCTION public.post_resume(workspace bigint, run uuid, step_path text, posted json) FROM PUBLIC;
GRANT ALL ON FUNCTION public.post_resume(workspace bigint, run uuid, step_path text, posted json) TO ms_app;
GRANT ALL ON FUNCTION public.post_resume(workspace bigint, run uuid, step_path text, posted json) TO ms_engine;

REVOKE ALL ON PROCEDURE public.protect_tenant_table(IN name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.record_steps(workspace bigint, run uuid, paths text[], attempts integer[], steps text[], modules text[], iterations integer[], statuses text[], starts timestamp with time zone[], ends timestamp with time zone[], inputs text[], outputs text[], errors text[], handles text[], step_logs text[], wait_kinds text[], wait_reasons text[], wait_untils timestamp with time zone[], resume_urls text[], child_run_ids uuid[], mocks text[], keys text[], retry_ats timestamp with time zone[], refs text[], media_types text[], bodies bytea[], waiting boolean, began_at timestamp with time zone, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.record_steps(workspace bigint, run uuid, paths text[], attempts integer[], steps text[], modules text[], iterations integer[], statuses text[], starts timestamp with time zone[], ends timestamp with time zone[], inputs text[], outputs text[], errors text[], handles text[], step_logs text[], wait_kinds text[], wait_reasons text[], wait_untils timestamp with time zone[], resume_urls text[], child_run_ids uuid[], mocks text[], keys text[], retry_ats timestamp with time zone[], refs text[], media_types text[], bodies bytea[], waiting boolean, began_at timestamp with time zone, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[]) TO ms_app;
GRANT ALL ON FUNCTION public.record_steps(workspace bigint, run uuid, paths text[], attempts integer[], steps text[], modules text[], iterations integer[], statuses text[], starts timestamp with time zone[], ends timestamp with time zone[], inputs text[], outputs text[], errors text[], handles text[], step_logs text[], wait_kinds text[], wait_reasons text[], wait_untils timestamp with time zone[], resume_urls text[], child_run_ids uuid[], mocks text[], keys text[], retry_ats timestamp with time zone[], refs text[], media_types text[], bodies bytea[], waiting boolean, began_at timestamp with time zone, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[]) TO ms_engine;

REVOKE ALL ON FUNCTION public.request_cancel(workspace bigint, run uuid, reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.request_cancel(workspace bigint, run uuid, reason text) TO ms_app;
GRANT ALL ON FUNCTION public.request_cancel(workspace bigint, run uuid, reason text) TO ms_engine;

REVOKE ALL ON FUNCTION public.room_under_cap(workflow uuid, cap integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.room_under_cap(workflow uuid, cap integer) TO ms_app;
GRANT ALL ON FUNCTION public.room_under_cap(workflow uuid, cap integer) TO ms_engine;

REVOKE ALL ON FUNCTION public.search_runs(words text[], of_workflow uuid, of_statuses text[], of_version integer, of_trigger text, lowest uuid, below uuid, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.search_runs(words text[], of_workflow uuid, of_statuses text[], of_version integer, of_trigger text, lowest uuid, below uuid, most integer) TO ms_app;
GRANT ALL ON FUNCTION public.search_runs(words text[], of_workflow uuid, of_statuses text[], of_version integer, of_trigger text, lowest uuid, below uuid, most integer) TO ms_engine;

GRANT SELECT ON TABLE public.access_rights TO ms_app;
GRANT SELECT ON TABLE public.access_rights TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.api_keys TO ms_engine;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.api_keys TO ms_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_batches TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_batches TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_counts TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_counts TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_dedupe TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_dedupe TO ms_engine;

GRANT SELECT,USAGE ON SEQUENCE public.app_queue_epoch TO ms_app;
GRANT SELECT,USAGE ON SEQUENCE public.app_queue_epoch TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_keys TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_keys TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_logs TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_logs TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_operations TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_operations TO ms_engine;

GRANT SELECT,USAGE ON SEQUENCE public.app_queue_seq TO ms_app;
GRANT SELECT,USAGE ON SEQUENCE public.app_queue_seq TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.events_to_be_processed TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.events_to_be_processed TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency_keys TO ms_engine;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency_keys TO ms_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.key_value_operations TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.key_value_operations TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.key_values TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.key_values TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.queue_rate_limiting TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.queue_rate_limiting TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflows TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflows TO ms_engine;

GRANT SELECT ON TABLE public.run_headers TO ms_app;
GRANT SELECT ON TABLE public.run_headers TO ms_engine;

GRANT SELECT ON TABLE public.schema_migrations TO ms_app;
GRANT SELECT ON TABLE public.schema_migrations TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.user_roles TO ms_engine;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.user_roles TO ms_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.users TO ms_engine;
GRANT SELECT ON TABLE public.users TO ms_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_execution_logs TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_execution_logs TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_payloads TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_payloads TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_resumes TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_resumes TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_signals TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_signals TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflows_app_queues TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflows_app_queues TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflows_documents TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflows_documents TO ms_engine;

GRANT SELECT ON TABLE public.workflows_modules TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflows_modules TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflows_variables TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflows_variables TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflows_versions TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflows_versions TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workspace_keys TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workspaces TO ms_engine;
GRANT SELECT,UPDATE ON TABLE public.workspaces TO ms_app;
