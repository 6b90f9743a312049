-- What the migrations build, as pg_dump tells it. Weeks of the partitioned tables are left out.
-- Made by `python -m tests.db.write_schema`; a test compares it with the migrations.


CREATE FUNCTION public.accept_run(header jsonb, trigger_data json, options_data json, warnings_data json, compiled_data json, words text[], refs text[], bodies bytea[], event_head json, event_raw bytea) RETURNS TABLE(outcome text, id uuid, state text, epoch integer)
    LANGUAGE plpgsql
    AS $$
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

ALTER FUNCTION public.accept_run(header jsonb, trigger_data json, options_data json, warnings_data json, compiled_data json, words text[], refs text[], bodies bytea[], event_head json, event_raw bytea) OWNER TO ms_owner;

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

CREATE FUNCTION public.anyone_capped(workflow uuid) RETURNS boolean
    LANGUAGE sql
    AS $$
    select coalesce((
        select true from workflow_execution_queue q
        where q.workflow_id = workflow and q.state = 'capped'
        order by q.seq
        limit 1), false)
$$;

ALTER FUNCTION public.anyone_capped(workflow uuid) OWNER TO ms_owner;

CREATE FUNCTION public.app_queue_batch_bytes() RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((16 * 1024) * 1024);

ALTER FUNCTION public.app_queue_batch_bytes() OWNER TO ms_owner;

CREATE FUNCTION public.audit_actor() RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    select convert_from(decode(nullif(current_setting('app.actor', true), ''), 'hex'), 'utf8')::jsonb
$$;

ALTER FUNCTION public.audit_actor() OWNER TO ms_owner;

CREATE FUNCTION public.audit_note(ws bigint, kind text, object_id text, name text, change text, before jsonb, after jsonb) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
declare
    actor constant jsonb := audit_actor();
begin
    if actor is null then
        return false;
    end if;
    perform audit_write(ws, kind, object_id, name, change, before, after, actor);
    return true;
end
$$;

ALTER FUNCTION public.audit_note(ws bigint, kind text, object_id text, name text, change text, before jsonb, after jsonb) OWNER TO ms_owner;

CREATE FUNCTION public.audit_row() RETURNS trigger
    LANGUAGE plpgsql
    AS $_$
declare
    actor constant jsonb := audit_actor();
    shown constant text[] := string_to_array(tg_argv[3], ' ');
    silent constant text[] := string_to_array(tg_argv[4], ' ') || '{workspace_id}';
    columns text;
    hidden text;
    before jsonb;
    after jsonb;
    changed text[];
    secret text[];
    change text;
    id text;
    name text;
    ws bigint;
begin
    if actor is null and tg_argv[5] = 'asked' then
        return null;
    end if;
    select string_agg(format('%L, ($1).%I', a.attname, a.attname), ', ') filter (where a.attname = any (shown)),
        string_agg(format('case when ($1).%1$I::text is distinct from ($2).%1$I::text then %1$L end', a.attname), ', ')
            filter (where a.attname <> all (shown || silent))
    into columns, hidden
    from pg_attribute a where a.attrelid = tg_relid and a.attnum > 0 and not a.attisdropped;
    if tg_op <> 'INSERT' then
        execute format('select jsonb_build_object(%s)', columns) into before using old;
    end if;
    if tg_op <> 'DELETE' then
        execute format('select jsonb_build_object(%s)', columns) into after using new;
    end if;
    change := case tg_op when 'INSERT' then 'created' when 'DELETE' then 'deleted' else 'changed' end;
    if tg_op = 'UPDATE' then
        select array_agg(key) into changed from jsonb_each(after) where value is distinct from before->key;
        if hidden is not null then
            execute format('select array_remove(array[%s]::text[], null)', hidden) into secret using old, new;
        end if;
        if changed is null and (cardinality(coalesce(secret, '{}')) = 0 or actor is null) then
            return null;
        end if;
        select coalesce(jsonb_object_agg(key, value), '{}') into before from jsonb_each(before) where key = any (changed);
        select coalesce(jsonb_object_agg(key, value), '{}') into after from jsonb_each(after) where key = any (changed);
        if 'revoked_at' = any (changed) then
            change := 'revoked';
        elsif after->>'status' = 'deleted' or after->>'state' = 'removed' then
            change := 'deleted';
        end if;
        select before || coalesce(jsonb_object_agg(one, '(hidden)'), '{}'), after || coalesce(jsonb_object_agg(one, '(hidden)'), '{}')
        into before, after from unnest(secret) one;
    end if;
    columns := format('select (%s)::text, (%s)::text, ($1).workspace_id', tg_argv[1], tg_argv[2]);
    if tg_op = 'DELETE' then
        execute columns into id, name, ws using old;
    else
        execute columns into id, name, ws using new;
    end if;
    perform audit_write(ws, tg_argv[0], id, name, change, before, after, actor);
    return null;
end
$_$;

ALTER FUNCTION public.audit_row() OWNER TO ms_owner;

CREATE PROCEDURE public.audit_table(IN tab text, IN kind text, IN id text, IN name text, IN shown text, IN silent text, IN whom text DEFAULT 'always'::text)
    LANGUAGE plpgsql
    AS $$
begin
    execute format(
        'create trigger audited after insert or update or delete on %I for each row execute function audit_row(%L, %L, %L, %L, %L, %L)',
        tab, kind, id, name, shown, silent, whom);
end
$$;

ALTER PROCEDURE public.audit_table(IN tab text, IN kind text, IN id text, IN name text, IN shown text, IN silent text, IN whom text) OWNER TO ms_owner;

CREATE FUNCTION public.audit_write(ws bigint, kind text, object_id text, name text, change text, before jsonb, after jsonb, actor jsonb) RETURNS void
    LANGUAGE sql
    AS $$
    insert into audit (workspace_id, user_id, email, api_key_id, key_name, action, change, kind, object_id, name, before, after,
        ip, forwarded_for, user_agent, request_id, route)
    values (ws, (actor->>'user_id')::bigint, actor->>'email', (actor->>'api_key_id')::uuid, actor->>'key_name', actor->>'action', change,
        kind, object_id, name, before, after, actor->>'ip', actor->>'forwarded_for', actor->>'user_agent', actor->>'request_id',
        actor->>'route')
$$;

ALTER FUNCTION public.audit_write(ws bigint, kind text, object_id text, name text, change text, before jsonb, after jsonb, actor jsonb) OWNER TO ms_owner;

CREATE FUNCTION public.begin_flush(batch uuid, claim_epoch bigint) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
declare
    b app_queue_batches;
    q workflows_app_queues;
begin
    q := use_queue((select c.queue_id from app_queue_batches c where c.batch_id = batch));
    update app_queue_batches u set state = 'running', lease_until = null, holder = null
    where u.batch_id = batch and u.epoch = claim_epoch and u.state = 'claimed' and u.workflow_id = q.consumer_workflow_id
        and exists (select from workflows w where w.workflow_id = u.workflow_id and w.status = 'active')
    returning * into b;
    if not found then
        return false;
    end if;
    insert into app_queue_logs (
        workspace_id, queue_id, run_id, batch_id, workflow_id, attempt, ordering_key, items, reason, flushed_at)
    values (b.workspace_id, b.queue_id, b.run_id, b.batch_id, b.workflow_id, b.attempt,
        case when q.ordering = 'key' then nullif(b.lane, '') end, cardinality(b.members),
        case when b.attempt > 1 then 'retry' when b.cuts is not null then 'bisect' else b.reason end, b.claimed_at);
    return true;
end
$$;

ALTER FUNCTION public.begin_flush(batch uuid, claim_epoch bigint) OWNER TO ms_owner;

CREATE FUNCTION public.bind_email_route(workspace bigint, workflow uuid, trigger_name text, new_route uuid, new_address text, wanted_alias text, senders text[]) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
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

ALTER FUNCTION public.bind_email_route(workspace bigint, workflow uuid, trigger_name text, new_route uuid, new_address text, wanted_alias text, senders text[]) OWNER TO ms_owner;

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

CREATE FUNCTION public.claim_batches(queue uuid, claimer text, lease_s double precision, batch_ids uuid[], run_ids uuid[]) RETURNS SETOF public.app_queue_batches
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    AS $$
declare
    q workflows_app_queues;
    past timestamptz[];
    moment timestamptz;
    most integer := cardinality(run_ids);
    room integer;
    used integer := 0;
    moved bigint := 0;
    b app_queue_batches;
    k app_queue_keys;
    picked bigint[];
    total bigint;
    head bigint;
begin
    -- Claims of one queue, and its pause, go one after the other from here on.
    select l.starts into past from queue_rate_limiting l where l.queue_id = queue for update;
    if not found then
        return;
    end if;
    select s.* into q from workflows_app_queues s
    join workflows w on w.workflow_id = s.consumer_workflow_id and w.status = 'active' and w.live_version is not null
    where s.queue_id = queue and s.status = 'running';
    if not found then
        return;
    end if;
    moment := present();
    past := flushes_until(past, moment);
    for b in
        update app_queue_batches u set
            epoch = nextval('app_queue_epoch'), holder = claimer, lease_until = moment + make_interval(secs => lease_s),
            workflow_id = q.consumer_workflow_id
        where u.batch_id = any (array(
            select c.batch_id from app_queue_batches c
            where c.queue_id = queue and c.state = 'claimed' and c.lease_until <= moment
            order by c.lease_until, c.lane
            limit most
            for update skip locked))
        returning u.*
    loop
        most := most - 1;
        return next b;
    end loop;

    if q.ordering = 'queue' then
        perform promote_delayed(q, moment);
    end if;
    select q.max_parallel_batches - count(*) into room from app_queue_batches o
    where o.queue_id = queue and o.state in ('claimed', 'running');

    for b in
        select * from app_queue_batches c
        where c.queue_id = queue and c.state = 'resting' and c.not_before <= moment
        order by c.not_before, c.lane
        limit greatest(0, least(room, most))
        for update skip locked
    loop
        exit when rate_next(past, q.flush_rate_limit_max_flush_count, q.flush_rate_limit_time_window, moment) > moment;
        past := rate_kept(past, q.flush_rate_limit_max_flush_count, moment);
        used := used + 1;
        update app_queue_batches u set
            state = 'claimed', run_id = run_ids[used], workflow_id = q.consumer_workflow_id,
            epoch = nextval('app_queue_epoch'), holder = claimer, lease_until = moment + make_interval(secs => lease_s),
            not_before = null, claimed_at = moment
        where u.batch_id = b.batch_id
        returning * into b;
        return next b;
    end loop;

    for k in
        select * from lock_due_lanes(queue, moment, least(room, most) - used)
    loop
        exit when rate_next(past, q.flush_rate_limit_max_flush_count, q.flush_rate_limit_time_window, moment) > moment;
        if q.flush_strategy = 'fifo' then
            select array_agg(c.seq order by c.n), sum(c.size), min(c.seq) into picked, total, head
            from (
                select i.seq, i.size, row_number() over w as n, sum(i.size) over w as so_far
                from (
                    select a.seq, a.size from app_queue a
                    where a.queue_id = queue and a.lane = k.lane and a.state = 'waiting'
                    order by a.seq
                    limit q.flush_batch_size
                ) as i
                window w as (order by i.seq)
            ) as c
            where c.n = 1 or c.so_far <= app_queue_batch_bytes();
        else
            select array_agg(c.seq order by c.n), sum(c.size), min(c.seq) into picked, total, head
            from (
                select i.seq, i.size, row_number() over w as n, sum(i.size) over w as so_far
                from (
                    select a.seq, a.size from app_queue a
                    where a.queue_id = queue and a.lane = k.lane and a.state = 'waiting'
                    order by a.seq desc
                    limit q.flush_batch_size
                ) as i
                window w as (order by i.seq desc)
            ) as c
            where c.n = 1 or c.so_far <= app_queue_batch_bytes();
        end if;
        if picked is null then
            delete from app_queue_keys r where r.queue_id = queue and r.lane = k.lane;
            continue;
        end if;
        past := rate_kept(past, q.flush_rate_limit_max_flush_count, moment);
        used := used + 1;
        insert into app_queue_batches (
            workspace_id, queue_id, lane, batch_id, run_id, workflow_id, reason, members, epoch, holder, lease_until, claimed_at)
        values (q.workspace_id, queue, k.lane, batch_ids[used], run_ids[used], q.consumer_workflow_id,
            case
                when k.depth >= q.flush_batch_size or k.bytes >= app_queue_batch_bytes() then 'full'
                when k.flush_through >= head then 'demand'
                else 'age'
            end,
            picked, nextval('app_queue_epoch'), claimer, moment + make_interval(secs => lease_s), moment)
        returning * into b;
        update app_queue_keys r set
            state = 'held', depth = r.depth - cardinality(picked), bytes = r.bytes - total,
            due_at = null
        where r.queue_id = queue and r.lane = k.lane;
        moved := moved + cardinality(picked);
        return next b;
    end loop;

    update queue_rate_limiting l set starts = past where l.queue_id = queue and l.starts is distinct from past;
    if moved > 0 then
        insert into app_queue_counts (workspace_id, queue_id, depth, in_flight) values (q.workspace_id, queue, -moved, moved);
    end if;
end
$$;

ALTER FUNCTION public.claim_batches(queue uuid, claimer text, lease_s double precision, batch_ids uuid[], run_ids uuid[]) OWNER TO ms_owner;

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
    sent boolean DEFAULT false NOT NULL,
    turn bigint DEFAULT 0 NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    recovered boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    trouble text,
    CONSTRAINT workflow_execution_queue_blocked_has_key CHECK (((state <> 'blocked'::text) OR (concurrency_key IS NOT NULL))),
    CONSTRAINT workflow_execution_queue_capped_counts CHECK (((state <> 'capped'::text) OR counted)),
    CONSTRAINT workflow_execution_queue_lease CHECK (((state = 'starting'::text) = (lease_until IS NOT NULL))),
    CONSTRAINT workflow_execution_queue_state CHECK ((state = ANY (ARRAY['blocked'::text, 'capped'::text, 'ready'::text, 'starting'::text, 'started'::text])))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='500');

ALTER TABLE ONLY public.workflow_execution_queue FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_execution_queue OWNER TO ms_owner;

CREATE FUNCTION public.claim_runs(claimer text, most integer, lease_s double precision, after bigint) RETURNS SETOF public.workflow_execution_queue
    LANGUAGE plpgsql
    AS $$
declare
    claimed workflow_execution_queue;
    spaces bigint[];
    again bigint[];
    space bigint;
    room integer := most;
    share integer;
    got integer;
begin
    update workflow_execution_queue q set state = 'ready', lease_until = null, holder = null, turn = 0
    where q.run_id = any (array(
        select e.run_id from workflow_execution_queue e
        where e.state = 'starting' and e.lease_until < now()
        order by e.lease_until
        limit 100
        for update skip locked));

    -- One index step for each workspace that gets something.
    with recursive later (workspace_id) as (
        select (select q.workspace_id from workflow_execution_queue q
            where q.state = 'ready' and q.workspace_id > after order by q.workspace_id limit 1)
        union all
        select (select q.workspace_id from workflow_execution_queue q
            where q.state = 'ready' and q.workspace_id > l.workspace_id order by q.workspace_id limit 1)
        from later l where l.workspace_id is not null
    ), first (workspace_id) as (
        select (select q.workspace_id from workflow_execution_queue q
            where q.state = 'ready' and q.workspace_id <= after order by q.workspace_id limit 1)
        union all
        select (select q.workspace_id from workflow_execution_queue q
            where q.state = 'ready' and q.workspace_id > f.workspace_id and q.workspace_id <= after order by q.workspace_id limit 1)
        from first f where f.workspace_id is not null
    )
    select array_agg(found.workspace_id) into spaces from (
        select l.workspace_id from later l where l.workspace_id is not null
        union all
        select f.workspace_id from first f where f.workspace_id is not null
        limit most
    ) found;

    while room > 0 and cardinality(spaces) > 0 loop
        share := greatest(1, room / cardinality(spaces));
        again := '{}';
        foreach space in array spaces loop
            exit when room <= 0;
            got := 0;
            for claimed in
                with picked as (
                    select q.run_id from workflow_execution_queue q
                    where q.workspace_id = space and q.state = 'ready'
                    order by q.turn, q.seq
                    limit least(share, room)
                    for update skip locked
                ), taken as (
                    update workflow_execution_queue q set
                        state = 'starting', holder = claimer, lease_epoch = q.lease_epoch + 1,
                        lease_until = now() + make_interval(secs => lease_s), attempts = q.attempts + 1
                    from picked
                    where q.run_id = picked.run_id
                    returning q.*
                )
                select * from taken t order by t.turn, t.seq
            loop
                got := got + 1;
                return next claimed;
            end loop;
            room := room - got;
            if got = share then
                again := again || space;
            end if;
        end loop;
        spaces := again;
    end loop;
end
$$;

ALTER FUNCTION public.claim_runs(claimer text, most integer, lease_s double precision, after bigint) OWNER TO ms_owner;

CREATE FUNCTION public.clear_queue(queue uuid) RETURNS bigint
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    AS $$
declare
    gone bigint;
    resting bigint;
    late bigint;
    n bigint;
    busy bigint[];
    held text[];
    one text;
    owner bigint;
begin
    select l.workspace_id into owner from queue_rate_limiting l where l.queue_id = queue for update;
    if not found then
        return 0;
    end if;
    -- What comes into other lanes from here on came later. Into these nothing comes until the commit.
    select coalesce(array_agg(k.lane), '{}') into held from (
        select r.lane from app_queue_keys r where r.queue_id = queue order by r.lane for update
    ) as k;
    with dropped as (
        delete from app_queue_batches d where d.queue_id = queue and d.state in ('resting', 'blocked')
        returning d.state, cardinality(d.members) + coalesce(cardinality(d.rest), 0) as n
    )
    select coalesce(sum(d.n) filter (where d.state = 'resting'), 0) into resting from dropped d;
    delete from app_queue i where i.queue_id = queue and i.state = 'delayed';
    get diagnostics late = row_count;
    gone := late;
    -- Lane by lane: one statement for all would compare each item with every lane.
    foreach one in array held loop
        select b.members || coalesce(b.rest, '{}') into busy from app_queue_batches b where b.queue_id = queue and b.lane = one;
        if found then
            delete from app_queue i
            where i.queue_id = queue and i.lane = one and i.state = 'waiting' and i.seq not in (select unnest(busy));
            get diagnostics n = row_count;
            update app_queue_keys k set depth = 0, bytes = 0 where k.queue_id = queue and k.lane = one;
        else
            delete from app_queue i where i.queue_id = queue and i.lane = one and i.state = 'waiting';
            get diagnostics n = row_count;
            delete from app_queue_keys k where k.queue_id = queue and k.lane = one;
        end if;
        gone := gone + n;
    end loop;
    if gone > 0 then
        insert into app_queue_counts (workspace_id, queue_id, depth, in_flight, delayed)
        values (owner, queue, -(gone - late - resting), -resting, -late);
    end if;
    return gone;
end
$$;

ALTER FUNCTION public.clear_queue(queue uuid) OWNER TO ms_owner;

CREATE FUNCTION public.close_items_anew(queue uuid, item_ids uuid[], formers bytea[], fresh bytea[]) RETURNS integer
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    AS $$
declare
    changed integer;
begin
    with held as (
        select i.item_id from app_queue i where i.queue_id = queue and i.item_id = any (item_ids) for update skip locked
    )
    update app_queue i set data = n.fresh
    from unnest(item_ids, formers, fresh) as n (item_id, former, fresh), held h
    where h.item_id = n.item_id and i.queue_id = queue and i.item_id = n.item_id and i.data = n.former;
    get diagnostics changed = row_count;
    return changed;
end
$$;

ALTER FUNCTION public.close_items_anew(queue uuid, item_ids uuid[], formers bytea[], fresh bytea[]) OWNER TO ms_owner;

CREATE FUNCTION public.drop_dead_letters(queue uuid, items uuid[], most integer) RETURNS integer
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    AS $$
declare
    q workflows_app_queues := use_queue(queue);
    gone integer;
begin
    delete from app_queue i
    where i.queue_id = queue and i.item_id = any (array(
        select d.item_id from app_queue d
        where d.queue_id = queue and d.state = 'dead' and (items is null or d.item_id = any (items))
        order by d.item_id desc
        limit most
        for update skip locked));
    get diagnostics gone = row_count;
    if gone > 0 then
        insert into app_queue_counts (workspace_id, queue_id, dead) values (q.workspace_id, queue, -gone);
    end if;
    return gone;
end
$$;

ALTER FUNCTION public.drop_dead_letters(queue uuid, items uuid[], most integer) OWNER TO ms_owner;

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

CREATE FUNCTION public.due_time(depth bigint, bytes bigint, since timestamp with time zone, asked boolean, batch_size integer, age_s double precision, moment timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (depth = 0) THEN NULL::timestamp with time zone WHEN (COALESCE(asked, false) OR (depth >= batch_size) OR (bytes >= public.app_queue_batch_bytes())) THEN moment ELSE (since + make_interval(secs => age_s)) END;

ALTER FUNCTION public.due_time(depth bigint, bytes bigint, since timestamp with time zone, asked boolean, batch_size integer, age_s double precision, moment timestamp with time zone) OWNER TO ms_owner;

CREATE FUNCTION public.end_batch(run uuid, of_workflow uuid, end_status text, end_error json) RETURNS void
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    AS $$
declare
    b app_queue_batches;
    q workflows_app_queues;
    moment timestamptz;
    n integer;
    half integer;
    kept bigint;
    bytes_kept bigint;
    became text;
begin
    select * into b from app_queue_batches c where c.run_id = run;
    if not found then
        return;
    end if;
    q := use_queue(b.queue_id);
    perform from app_queue_keys k where k.queue_id = b.queue_id and k.lane = b.lane for update;
    select * into b from app_queue_batches c where c.run_id = run and c.state = 'running' for update;
    if not found then
        return;
    end if;
    moment := present();
    n := cardinality(b.members);

    if end_status = 'succeeded' then
        became := 'done';
        delete from app_queue i
        where i.queue_id = b.queue_id and i.lane = b.lane and i.state = 'waiting' and i.seq = any (b.members);
        insert into app_queue_counts (workspace_id, queue_id, in_flight) values (b.workspace_id, b.queue_id, -n);
        perform go_on_with_batch(q, b, false, moment);
    elsif q.consumer_workflow_id is distinct from of_workflow then
        became := 'returned';
        delete from app_queue_batches d where d.batch_id = b.batch_id;
        select count(*), coalesce(sum(i.size), 0) into kept, bytes_kept from app_queue i
        where i.queue_id = b.queue_id and i.lane = b.lane and i.state = 'waiting'
            and i.seq = any (b.members || coalesce(b.rest, '{}'));
        update app_queue_keys k set depth = k.depth + kept, bytes = k.bytes + bytes_kept
        where k.queue_id = b.queue_id and k.lane = b.lane;
        insert into app_queue_counts (workspace_id, queue_id, depth, in_flight)
        values (b.workspace_id, b.queue_id, kept, -n - coalesce(cardinality(b.rest), 0));
        perform release_lane(q, b.lane, moment);
    else
        if b.attempt < q.max_attempts and (b.cuts is null or q.on_failure <> 'bisect') then
            became := 'retried';
        elsif q.on_failure = 'bisect' and n > 1 then
            became := 'bisected';
        elsif q.on_failure = 'block' then
            became := 'blocked';
        else
            became := 'dead_lettered';
        end if;
        update app_queue i set
            attempts = i.attempts + 1,
            state = case when became = 'dead_lettered' then 'dead' else i.state end,
            run_id = run, error = end_error, failed_at = case when became = 'dead_lettered' then moment end
        where i.queue_id = b.queue_id and i.lane = b.lane and i.state = 'waiting' and i.seq = any (b.members);
        case became
            when 'retried' then
                update app_queue_batches u set
                    state = 'resting', attempt = u.attempt + 1, error = end_error,
                    not_before = moment + make_interval(secs => least(60, power(2, least(u.attempt - 1, 6))))
                where u.batch_id = b.batch_id;
            when 'blocked' then
                update app_queue_batches u set state = 'blocked', error = end_error where u.batch_id = b.batch_id;
                update app_queue_keys k set state = 'blocked' where k.queue_id = b.queue_id and k.lane = b.lane;
                insert into app_queue_counts (workspace_id, queue_id, depth, in_flight)
                select b.workspace_id, b.queue_id, c.n, -c.n from (select n + coalesce(cardinality(b.rest), 0)) as c (n);
            when 'dead_lettered' then
                insert into app_queue_counts (workspace_id, queue_id, in_flight, dead) values (b.workspace_id, b.queue_id, -n, n);
                perform go_on_with_batch(q, b, true, moment);
            when 'bisected' then
                half := (n + 1) / 2;
                update app_queue_batches u set
                    batch_id = gen_random_uuid(), state = 'resting', not_before = moment, attempt = 1, error = end_error,
                    members = b.members[1:half],
                    rest = b.members[half + 1:] || coalesce(b.rest, '{}'),
                    cuts = array[half - n] || case when cardinality(b.rest) > 0 then array[cardinality(b.rest)] else '{}' end
                where u.batch_id = b.batch_id;
        end case;
    end if;
    update app_queue_logs l set status = end_status, fate = became, error = end_error, finished_at = moment
    where l.queue_id = b.queue_id and l.run_id = run and l.status = 'running';
end
$$;

ALTER FUNCTION public.end_batch(run uuid, of_workflow uuid, end_status text, end_error json) OWNER TO ms_owner;

CREATE FUNCTION public.enqueue_items(workspace bigint, queue uuid, operation_key text, ids uuid[], ordering_keys text[], dedupe_keys text[], delays double precision[], bodies bytea[], sizes integer[]) RETURNS TABLE(outcome text, accepted integer, duplicates integer, accepted_ids uuid[], wake_at timestamp with time zone)
    LANGUAGE plpgsql
    AS $$
declare
    q workflows_app_queues;
    moment timestamptz;
    kept bigint[];
    fresh bigint[];
begin
    perform act_for(workspace);
    if operation_key is not null then
        select 'repeated', o.accepted, o.duplicates into outcome, accepted, duplicates from app_queue_operations o
        where o.workspace_id = workspace and o.operation = operation_key;
        if found then
            return next;
            return;
        end if;
    end if;
    q := use_queue(queue);
    if q.workspace_id is distinct from workspace then
        outcome := 'queue_missing';
        return next;
        return;
    end if;
    if q.ordering = 'key' and exists (select from unnest(delays) as g (s) where g.s > 0) then
        outcome := 'delay_with_keys';
        return next;
        return;
    end if;
    if operation_key is not null then
        -- Waits for another one that does the same now.
        insert into app_queue_operations (workspace_id, operation) values (workspace, operation_key) on conflict do nothing;
        if not found then
            select 'repeated', o.accepted, o.duplicates into outcome, accepted, duplicates from app_queue_operations o
            where o.workspace_id = workspace and o.operation = operation_key;
            return next;
            return;
        end if;
    end if;

    select coalesce(array_agg(g.n), '{}') into kept
    from unnest(dedupe_keys) with ordinality as g (key, n) where g.key is null or q.dedupe_window = 0;
    if cardinality(kept) < cardinality(ids) then
        moment := present();
        with first as (
            select g.key, min(g.n) as n from unnest(dedupe_keys) with ordinality as g (key, n)
            where g.key is not null
            group by g.key
        ), taken as (
            insert into app_queue_dedupe as e (workspace_id, queue_id, dedupe_key, item_id, until)
            select workspace, queue, f.key, ids[f.n], moment + make_interval(secs => q.dedupe_window) from first f order by f.key
            on conflict (queue_id, dedupe_key) do update set item_id = excluded.item_id, until = excluded.until
            where e.until <= moment
            returning e.dedupe_key
        )
        select array_agg(f.n) into fresh from first f join taken t on t.dedupe_key = f.key;
        kept := kept || coalesce(fresh, '{}');
    end if;

    select fill_lanes(q, array_agg(case when q.ordering = 'key' then coalesce(ordering_keys[g.n], '') else '' end), array_agg(sizes[g.n]), null)
    into wake_at
    from unnest(kept) as g (n) where coalesce(delays[g.n], 0) <= 0;

    moment := present();
    insert into app_queue (
        workspace_id, queue_id, item_id, seq, lane, ordering_key, state, data, size, enqueued_at, available_at)
    select workspace, queue, ids[g.n], nextval('app_queue_seq'),
        case when q.ordering = 'key' then coalesce(ordering_keys[g.n], '') else '' end, ordering_keys[g.n],
        case when delays[g.n] > 0 then 'delayed' else 'waiting' end, bodies[g.n], sizes[g.n], moment,
        case when delays[g.n] > 0 then moment + make_interval(secs => delays[g.n]) end
    from (select u.n from unnest(kept) as u (n) order by u.n) as g;

    accepted := cardinality(kept);
    duplicates := cardinality(ids) - accepted;
    select coalesce(array_agg(ids[g.n] order by g.n), '{}'),
        least(wake_at, min(moment + make_interval(secs => delays[g.n])) filter (where delays[g.n] > 0))
    into accepted_ids, wake_at
    from unnest(kept) as g (n);
    if accepted > 0 then
        insert into app_queue_counts (workspace_id, queue_id, depth, delayed)
        select workspace, queue, accepted - d.n, d.n
        from (select count(*) as n from unnest(kept) as g (n) where delays[g.n] > 0) as d;
    end if;
    if operation_key is not null then
        update app_queue_operations o set accepted = enqueue_items.accepted, duplicates = enqueue_items.duplicates
        where o.workspace_id = workspace and o.operation = operation_key;
    end if;
    outcome := 'accepted';
    return next;
end
$$;

ALTER FUNCTION public.enqueue_items(workspace bigint, queue uuid, operation_key text, ids uuid[], ordering_keys text[], dedupe_keys text[], delays double precision[], bodies bytea[], sizes integer[]) OWNER TO ms_owner;

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
    foreach source in array array['workflow_execution_queue', 'workflow_execution_logs', 'app_queue_logs'] loop
        execute format('create or replace view %I.%I with (security_invoker) as select * from public.%I where workflow_id = %L',
            space, source, source, id);
        execute format('grant select on %I.%I to ms_app, ms_engine', space, source);
    end loop;
    execute format('create or replace view %I.app_queue with (security_invoker) as select i.* from public.app_queue i '
        'where i.queue_id in (select q.queue_id from public.workflows_app_queues q where q.consumer_workflow_id = %L)', space, id);
    execute format('grant select on %I.app_queue to ms_app, ms_engine', space);
    execute format('grant usage on schema %I to ms_app, ms_engine', space);
    return space;
end
$$;

ALTER FUNCTION public.ensure_workflow_views(id uuid) OWNER TO ms_owner;

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
    former_workflow_id uuid,
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

CREATE FUNCTION public.fill_lanes(q public.workflows_app_queues, lanes text[], sizes integer[], since timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql
    AS $$
    with summed as (
        select g.lane, count(*)::integer as n, sum(g.size)::bigint as bytes
        from unnest(lanes, sizes) as g (lane, size)
        group by g.lane
        order by g.lane
    ), told as (
        insert into app_queue_keys as k (workspace_id, queue_id, lane, depth, bytes, oldest_at, due_at)
        select q.workspace_id, q.queue_id, s.lane, s.n, s.bytes, coalesce(since, present()),
            due_time(s.n, s.bytes, coalesce(since, present()), false, q.flush_batch_size, q.flush_record_max_age, present())
        from summed s
        on conflict (queue_id, lane) do update set
            depth = k.depth + excluded.depth, bytes = k.bytes + excluded.bytes,
            oldest_at = least(k.oldest_at, excluded.oldest_at),
            -- The clock is read here, so after waiting for the lane.
            due_at = case
                when k.state <> 'ready' then k.due_at
                else least(k.due_at, excluded.due_at, due_time(k.depth + excluded.depth, k.bytes + excluded.bytes,
                    excluded.oldest_at, false, q.flush_batch_size, q.flush_record_max_age, present()))
            end
        returning case when k.state = 'ready' then k.due_at end as due_at
    )
    select min(t.due_at) from told t
$$;

ALTER FUNCTION public.fill_lanes(q public.workflows_app_queues, lanes text[], sizes integer[], since timestamp with time zone) OWNER TO ms_owner;

CREATE FUNCTION public.fill_room(workspace bigint, workflow uuid) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
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

ALTER FUNCTION public.fill_room(workspace bigint, workflow uuid) OWNER TO ms_owner;

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
    chain uuid[],
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
    pinned_at timestamp with time zone,
    pinned_by text,
    pinned_reason text,
    event_seq bigint DEFAULT 1 NOT NULL,
    status_seq bigint DEFAULT 1 NOT NULL,
    changed_xid bigint DEFAULT ((pg_current_xact_id())::text)::bigint NOT NULL,
    search tsvector,
    CONSTRAINT workflow_runs_carrier CHECK ((carrier = ANY (ARRAY['temporal'::text, 'inline'::text, 'simulation'::text]))),
    CONSTRAINT workflow_runs_child_has_path CHECK (((parent_run_id IS NULL) = (parent_path IS NULL))),
    CONSTRAINT workflow_runs_log CHECK ((log = ANY (ARRAY['full'::text, 'errors'::text, 'none'::text]))),
    CONSTRAINT workflow_runs_output_is_no_failures CHECK (((output IS NULL) OR (status = ANY (ARRAY['succeeded'::text, 'cancelled'::text])))),
    CONSTRAINT workflow_runs_pin_is_whole CHECK (((pinned_at IS NOT NULL) OR ((pinned_by IS NULL) AND (pinned_reason IS NULL)))),
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

ALTER FUNCTION public.finish_run(r public.workflow_runs, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[]) OWNER TO ms_owner;

CREATE FUNCTION public.flush_queue(queue uuid) RETURNS integer
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    AS $$
declare
    reached integer;
begin
    with lanes as (
        select k.lane from app_queue_keys k where k.queue_id = queue and k.depth > 0 order by k.lane for update
    )
    update app_queue_keys k set
        flush_through = (select s.last_value from app_queue_seq s),
        due_at = case when k.state = 'ready' then least(k.due_at, present()) else k.due_at end
    from lanes
    where k.queue_id = queue and k.lane = lanes.lane;
    get diagnostics reached = row_count;
    return reached;
end
$$;

ALTER FUNCTION public.flush_queue(queue uuid) OWNER TO ms_owner;

CREATE FUNCTION public.flushes_until(starts timestamp with time zone[], moment timestamp with time zone) RETURNS timestamp with time zone[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN ((starts)[cardinality(starts)] > moment) THEN (SELECT array_agg(LEAST(g.at, flushes_until.moment) ORDER BY g.n) AS array_agg FROM unnest(flushes_until.starts) WITH ORDINALITY g(at, n)) ELSE starts END;

ALTER FUNCTION public.flushes_until(starts timestamp with time zone[], moment timestamp with time zone) OWNER TO ms_owner;

CREATE FUNCTION public.fold_counts(queue uuid) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    perform use_queue(queue);
    with gone as (
        delete from app_queue_counts c where c.queue_id = queue and c.count_id = any (array(
            select o.count_id from app_queue_counts o where o.queue_id = queue
            order by o.count_id limit 2000 for update skip locked))
        returning c.*
    )
    insert into app_queue_counts (workspace_id, queue_id, depth, in_flight, delayed, dead)
    select g.workspace_id, queue, sum(g.depth), sum(g.in_flight), sum(g.delayed), sum(g.dead) from gone g group by g.workspace_id;
end
$$;

ALTER FUNCTION public.fold_counts(queue uuid) OWNER TO ms_owner;

CREATE FUNCTION public.go_on_with_batch(q public.workflows_app_queues, b public.app_queue_batches, faulty boolean, moment timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    twin integer := case when b.cuts[1] < 0 and not faulty then -b.cuts[1] else 0 end;
    size integer;
    lengths integer[];
begin
    if coalesce(cardinality(b.rest), 0) = 0 then
        delete from app_queue_batches d where d.batch_id = b.batch_id;
        perform release_lane(q, b.lane, moment);
        return;
    end if;
    if twin > 0 then
        -- This part was sound, so the fault is in its twin: that isn't tried as a whole, unless it is one item.
        size := (twin + 1) / 2;
        lengths := case when twin > size then array[size - twin] else '{}' end || b.cuts[2:];
    else
        -- Nothing is known of what is left: it is one part, so that what is sound goes together.
        size := cardinality(b.rest);
        lengths := '{}';
    end if;
    update app_queue_batches u set
        batch_id = gen_random_uuid(), state = 'resting', not_before = moment, attempt = 1, error = null,
        members = b.rest[1:size], rest = b.rest[size + 1:], cuts = lengths
    where u.batch_id = b.batch_id;
end
$$;

ALTER FUNCTION public.go_on_with_batch(q public.workflows_app_queues, b public.app_queue_batches, faulty boolean, moment timestamp with time zone) OWNER TO ms_owner;

CREATE FUNCTION public.holds_items(queue uuid) RETURNS boolean
    LANGUAGE sql STABLE
    SET enable_seqscan TO 'off'
    AS $$
    select exists (select from app_queue_keys k where k.queue_id = queue)
        or exists (select from app_queue i where i.queue_id = queue and i.state = 'delayed')
$$;

ALTER FUNCTION public.holds_items(queue uuid) OWNER TO ms_owner;

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

CREATE FUNCTION public.items_before(queue uuid, are_dead boolean, before uuid, most integer) RETURNS SETOF public.app_queue
    LANGUAGE plpgsql STABLE
    SET enable_seqscan TO 'off'
    AS $$
begin
    if are_dead then
        return query select * from app_queue i
            where i.queue_id = queue and i.state = 'dead' and i.item_id < before order by i.item_id desc limit most;
    else
        return query select * from app_queue i
            where i.queue_id = queue and i.state <> 'dead' and i.item_id < before order by i.item_id desc limit most;
    end if;
end
$$;

ALTER FUNCTION public.items_before(queue uuid, are_dead boolean, before uuid, most integer) OWNER TO ms_owner;

CREATE FUNCTION public.items_closed_within(queue uuid, after uuid, lowest bytea, below bytea) RETURNS TABLE(item_id uuid, closed bytea)
    LANGUAGE sql STABLE
    SET enable_seqscan TO 'off'
    AS $$
    select p.item_id, case when p.wanted then p.data end
    from (
        select l.*, sum(case when l.wanted then octet_length(l.data) else 0 end) over (order by l.item_id) as so_far,
            row_number() over (order by l.item_id) as n
        from (
            select i.item_id, i.data, h.head >= lowest and h.head < below as wanted
            from app_queue i, lateral (select substring(i.data from 1 for 5)) as h (head)
            where i.queue_id = queue and i.item_id > after
            order by i.item_id
            limit 1000
        ) as l
    ) as p
    where p.n = 1 or p.so_far <= 8 * 1024 * 1024
    order by p.item_id
$$;

ALTER FUNCTION public.items_closed_within(queue uuid, after uuid, lowest bytea, below bytea) OWNER TO ms_owner;

CREATE FUNCTION public.items_of_batch(queue uuid, of_lane text, members bigint[]) RETURNS SETOF public.app_queue
    LANGUAGE sql STABLE
    SET enable_seqscan TO 'off'
    AS $$
    select i.* from unnest(members) with ordinality as m (seq, n)
    join app_queue i on i.queue_id = queue and i.lane = of_lane and i.seq = m.seq and i.state = 'waiting'
    order by m.n
$$;

ALTER FUNCTION public.items_of_batch(queue uuid, of_lane text, members bigint[]) OWNER TO ms_owner;

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

CREATE FUNCTION public.lock_cap(workflow uuid) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
begin
    if not exists (select from workflows w where w.workflow_id = workflow and w.max_concurrent_runs is not null) then
        return false;
    end if;
    perform pg_advisory_xact_lock(hashtextextended(workflow::text, 2));
    return true;
end
$$;

ALTER FUNCTION public.lock_cap(workflow uuid) OWNER TO ms_owner;

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

CREATE FUNCTION public.lock_due_lanes(queue uuid, moment timestamp with time zone, most integer) RETURNS SETOF public.app_queue_keys
    LANGUAGE plpgsql
    AS $$
begin
    if most > 0 then
        return query
            select * from app_queue_keys r
            where r.queue_id = queue and r.state = 'ready' and r.due_at <= moment
            order by r.due_at, r.lane
            limit most
            for update skip locked;
        if not found then
            return query select * from wait_for_lane(queue, moment);
        end if;
    end if;
end
$$;

ALTER FUNCTION public.lock_due_lanes(queue uuid, moment timestamp with time zone, most integer) OWNER TO ms_owner;

CREATE FUNCTION public.lock_key(workflow uuid, key text) RETURNS void
    LANGUAGE sql
    AS $$ select pg_advisory_xact_lock(hashtextextended(workflow::text || ':' || key, 1)) $$;

ALTER FUNCTION public.lock_key(workflow uuid, key text) OWNER TO ms_owner;

CREATE FUNCTION public.lock_queue(workspace bigint, queue uuid) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
begin
    perform from queue_rate_limiting l where l.queue_id = queue and l.workspace_id = workspace for update;
    if not found then
        return null;
    end if;
    perform pg_advisory_xact_lock(hashtextextended(queue::text, 3));
    return (select s.queue_id from workflows_app_queues s where s.queue_id = queue and s.workspace_id = workspace);
end
$$;

ALTER FUNCTION public.lock_queue(workspace bigint, queue uuid) OWNER TO ms_owner;

CREATE FUNCTION public.mark_started(run uuid, epoch integer) RETURNS text
    LANGUAGE plpgsql
    AS $$
begin
    update workflow_execution_queue q set
        state = 'started', lease_until = null, started_at = coalesce(q.started_at, now())
    where q.run_id = run and q.lease_epoch = epoch and q.state in ('starting', 'ready');
    return case
        when found or exists (select from workflow_execution_queue q where q.run_id = run and q.lease_epoch = epoch) then 'done'
        when exists (select from workflow_execution_queue q where q.run_id = run) then 'refused'
        else 'ended'
    end;
end
$$;

ALTER FUNCTION public.mark_started(run uuid, epoch integer) OWNER TO ms_owner;

CREATE FUNCTION public.new_uuid7() RETURNS uuid
    LANGUAGE sql
    AS $$
    select encode(overlay(uuid_send(gen_random_uuid())
        placing int8send((us / 1000) << 16 | 28672 | (us % 1000) * 4096 / 1000) from 1 for 8), 'hex')::uuid
    from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as us) as t
$$;

ALTER FUNCTION public.new_uuid7() OWNER TO ms_owner;

CREATE FUNCTION public.next_flush(queue uuid) RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE
    SET enable_seqscan TO 'off'
    AS $$
declare
    q workflows_app_queues;
    lost timestamptz;
    next_one timestamptz;
    busy integer;
begin
    select s.* into q from workflows_app_queues s
    join workflows w on w.workflow_id = s.consumer_workflow_id and w.status = 'active' and w.live_version is not null
    where s.queue_id = queue and s.status = 'running';
    if not found then
        return null;
    end if;
    select count(*) filter (where c.state in ('claimed', 'running')), min(c.lease_until), min(c.not_before)
    into busy, lost, next_one
    from app_queue_batches c where c.queue_id = queue;
    if busy < q.max_parallel_batches then
        next_one := least(
            next_one,
            (select min(k.due_at) from app_queue_keys k
                where k.queue_id = queue and k.state = 'ready' and k.due_at is not null),
            (select min(i.available_at) from app_queue i where i.queue_id = queue and i.state = 'delayed'));
        if next_one is not null then
            next_one := greatest(next_one, (
                select rate_next(flushes_until(l.starts, present()), q.flush_rate_limit_max_flush_count, q.flush_rate_limit_time_window, present())
                from queue_rate_limiting l where l.queue_id = queue));
        end if;
    else
        next_one := null;
    end if;
    return least(lost, next_one);
end
$$;

ALTER FUNCTION public.next_flush(queue uuid) OWNER TO ms_owner;

CREATE FUNCTION public.next_turn(workspace bigint, workflow uuid) RETURNS bigint
    LANGUAGE sql
    AS $$
    select greatest(0,
        (select q.turn from workflow_execution_queue q where q.workspace_id = workspace and q.state = 'ready' order by q.turn limit 1),
        (select q.turn + 1 from workflow_execution_queue q where q.workflow_id = workflow and q.state = 'ready' order by q.turn desc limit 1))
$$;

ALTER FUNCTION public.next_turn(workspace bigint, workflow uuid) OWNER TO ms_owner;

CREATE FUNCTION public.note_event(workspace bigint, event jsonb, event_head json, event_raw bytea, said text, run uuid) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
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

ALTER FUNCTION public.note_event(workspace bigint, event jsonb, event_head json, event_raw bytea, said text, run uuid) OWNER TO ms_owner;

CREATE FUNCTION public.pin_run(workspace bigint, run uuid, who text, why text) RETURNS text
    LANGUAGE plpgsql
    AS $$
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

ALTER FUNCTION public.pin_run(workspace bigint, run uuid, who text, why text) OWNER TO ms_owner;

CREATE FUNCTION public.post_resume(workspace bigint, run uuid, step_path text, posted json) RETURNS text
    LANGUAGE plpgsql
    AS $$
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

ALTER FUNCTION public.post_resume(workspace bigint, run uuid, step_path text, posted json) OWNER TO ms_owner;

CREATE FUNCTION public.present() RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    select coalesce(nullif(current_setting('app.clock', true), '')::timestamptz, clock_timestamp())
$$;

ALTER FUNCTION public.present() OWNER TO ms_owner;

CREATE FUNCTION public.promote_delayed(q public.workflows_app_queues, moment timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    SET lock_timeout TO '2s'
    AS $$
declare
    one record;
    chosen integer[];
    since timestamptz;
begin
    select array_agg(d.size), min(d.available_at) into chosen, since from (
        select i.size, i.available_at from app_queue i
        where i.queue_id = q.queue_id and i.state = 'delayed' and i.available_at <= moment
        order by i.available_at, i.seq
        limit 1000
    ) as d;
    if chosen is null then
        return;
    end if;
    perform fill_lanes(q, array_fill(''::text, array[cardinality(chosen)]), chosen, since);
    -- The same ones: whoever else changes delayed items holds the queue's rate, as we do.
    for one in
        select i.item_id from app_queue i
        where i.queue_id = q.queue_id and i.state = 'delayed' and i.available_at <= moment
        order by i.available_at, i.seq
        limit 1000
    loop
        update app_queue i set state = 'waiting', seq = nextval('app_queue_seq')
        where i.queue_id = q.queue_id and i.item_id = one.item_id;
    end loop;
    insert into app_queue_counts (workspace_id, queue_id, depth, delayed)
    values (q.workspace_id, q.queue_id, cardinality(chosen), -cardinality(chosen));
exception when lock_not_available then
    return;
end
$$;

ALTER FUNCTION public.promote_delayed(q public.workflows_app_queues, moment timestamp with time zone) OWNER TO ms_owner;

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
    select least('9000-01-01 00:00:00+00'::timestamptz, greatest(
        moment,
        starts[cardinality(starts)],
        starts[greatest(1, cardinality(starts) - count / parts.k + 1)]
            + make_interval(secs => ceil(least(per_s, 31557600000) / parts.k * 1e6) / 1e6)))
    from (select (count - 1) / 1000 + 1 as k) as parts
$$;

ALTER FUNCTION public.rate_next(starts timestamp with time zone[], count integer, per_s double precision, moment timestamp with time zone) OWNER TO ms_owner;

CREATE FUNCTION public.reckon_due_times(queue uuid) RETURNS void
    LANGUAGE sql
    SET enable_seqscan TO 'off'
    AS $$
    with lanes as (
        select k.lane from app_queue_keys k where k.queue_id = queue and k.state = 'ready' order by k.lane for update
    )
    update app_queue_keys k set due_at = due_time(k.depth, k.bytes, k.oldest_at,
        k.flush_through >= (
            select i.seq from app_queue i
            where i.queue_id = queue and i.lane = k.lane and i.state = 'waiting'
            order by i.seq limit 1),
        q.flush_batch_size, q.flush_record_max_age, present())
    from lanes, workflows_app_queues q
    where k.queue_id = queue and k.lane = lanes.lane and q.queue_id = queue
$$;

ALTER FUNCTION public.reckon_due_times(queue uuid) OWNER TO ms_owner;

CREATE FUNCTION public.record_steps(workspace bigint, run uuid, paths text[], attempts integer[], steps text[], modules text[], iterations integer[], statuses text[], starts timestamp with time zone[], ends timestamp with time zone[], inputs text[], outputs text[], errors text[], handles text[], step_logs text[], wait_kinds text[], wait_reasons text[], wait_untils timestamp with time zone[], resume_urls text[], child_run_ids uuid[], mocks text[], keys text[], retry_ats timestamp with time zone[], refs text[], media_types text[], bodies bytea[], waiting boolean, began_at timestamp with time zone, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[], step_words text[]) RETURNS TABLE(status text, finished_now boolean, last_seq bigint, cancel_requested boolean, cancel_reason text, next_run uuid, refused_paths text[], refused_attempts integer[])
    LANGUAGE plpgsql
    AS $$
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

ALTER FUNCTION public.record_steps(workspace bigint, run uuid, paths text[], attempts integer[], steps text[], modules text[], iterations integer[], statuses text[], starts timestamp with time zone[], ends timestamp with time zone[], inputs text[], outputs text[], errors text[], handles text[], step_logs text[], wait_kinds text[], wait_reasons text[], wait_untils timestamp with time zone[], resume_urls text[], child_run_ids uuid[], mocks text[], keys text[], retry_ats timestamp with time zone[], refs text[], media_types text[], bodies bytea[], waiting boolean, began_at timestamp with time zone, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[], step_words text[]) OWNER TO ms_owner;

CREATE FUNCTION public.release_lane(q public.workflows_app_queues, of_lane text, moment timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    head record;
begin
    select i.seq, coalesce(i.available_at, i.enqueued_at) as since into head from app_queue i
    where i.queue_id = q.queue_id and i.lane = of_lane and i.state = 'waiting'
    order by i.seq
    limit 1;
    if not found then
        delete from app_queue_keys k where k.queue_id = q.queue_id and k.lane = of_lane;
        return;
    end if;
    update app_queue_keys k set
        state = 'ready', oldest_at = head.since,
        due_at = due_time(k.depth, k.bytes, head.since, k.flush_through >= head.seq, q.flush_batch_size,
            q.flush_record_max_age, moment)
    where k.queue_id = q.queue_id and k.lane = of_lane;
end
$$;

ALTER FUNCTION public.release_lane(q public.workflows_app_queues, of_lane text, moment timestamp with time zone) OWNER TO ms_owner;

CREATE FUNCTION public.repair_queue() RETURNS SETOF uuid
    LANGUAGE plpgsql
    AS $$
declare
    one record;
    freed uuid;
begin
    for one in
        select distinct on (q.workflow_id, q.concurrency_key) q.run_id, q.workspace_id, q.workflow_id, q.counted
        from workflow_execution_queue q
        where q.state = 'blocked' and not exists (
            select from workflow_execution_queue o
            where o.workflow_id = q.workflow_id and o.concurrency_key = q.concurrency_key and o.state <> 'blocked')
        order by q.workflow_id, q.concurrency_key, q.seq
    loop
        update workflow_execution_queue q set
            state = case when one.counted and lock_cap(one.workflow_id) then 'capped' else 'ready' end,
            turn = next_turn(one.workspace_id, one.workflow_id)
        where q.run_id = one.run_id and q.state = 'blocked'
        returning q.run_id into freed;
        if freed is not null then
            return next freed;
        end if;
    end loop;
    for one in
        with recursive held as (
            (select q.workspace_id, q.workflow_id from workflow_execution_queue q where q.state = 'capped' order by q.workflow_id limit 1)
            union all
            select n.workspace_id, n.workflow_id from held h cross join lateral (
                select q.workspace_id, q.workflow_id from workflow_execution_queue q
                where q.state = 'capped' and q.workflow_id > h.workflow_id order by q.workflow_id limit 1) n
        )
        select h.workspace_id, h.workflow_id from held h
        where coalesce(room_under_cap(h.workflow_id), 1) > 0
    loop
        perform pg_advisory_xact_lock(hashtextextended(one.workflow_id::text, 2));
        freed := fill_room(one.workspace_id, one.workflow_id);
        if freed is not null then
            return next freed;
        end if;
    end loop;
end
$$;

ALTER FUNCTION public.repair_queue() OWNER TO ms_owner;

CREATE FUNCTION public.replay_dead_letters(queue uuid, items uuid[], most integer) RETURNS integer
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    AS $$
declare
    q workflows_app_queues := use_queue(queue);
    chosen uuid[];
    lanes text[];
    sizes integer[];
    one record;
    moment timestamptz;
begin
    select array_agg(d.item_id), array_agg(case when q.ordering = 'key' then coalesce(d.ordering_key, '') else '' end), array_agg(d.size)
    into chosen, lanes, sizes
    from (
        select i.item_id, i.ordering_key, i.size from app_queue i
        where i.queue_id = queue and i.state = 'dead' and (items is null or i.item_id = any (items))
        order by i.item_id desc
        limit most
        for update skip locked
    ) as d;
    if chosen is null then
        return 0;
    end if;
    perform fill_lanes(q, lanes, sizes, null);
    moment := present();
    -- In the order that they had: ids are made before items get their places.
    for one in
        select i.item_id, g.lane from unnest(chosen, lanes) as g (item_id, lane)
        join app_queue i on i.queue_id = queue and i.item_id = g.item_id
        order by i.seq
    loop
        update app_queue i set
            state = 'waiting', seq = nextval('app_queue_seq'), lane = one.lane, attempts = 0, available_at = moment, failed_at = null,
            run_id = null, error = null
        where i.queue_id = queue and i.item_id = one.item_id;
    end loop;
    insert into app_queue_counts (workspace_id, queue_id, depth, dead)
    values (q.workspace_id, queue, cardinality(chosen), -cardinality(chosen));
    return cardinality(chosen);
end
$$;

ALTER FUNCTION public.replay_dead_letters(queue uuid, items uuid[], most integer) OWNER TO ms_owner;

CREATE FUNCTION public.request_cancel(workspace bigint, run uuid, reason text) RETURNS TABLE(outcome text, next_run uuid)
    LANGUAGE plpgsql
    AS $$
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

ALTER FUNCTION public.request_cancel(workspace bigint, run uuid, reason text) OWNER TO ms_owner;

CREATE FUNCTION public.room_under_cap(workflow uuid) RETURNS integer
    LANGUAGE sql
    AS $$
    select w.max_concurrent_runs - (
        select count(*) from (
            select from workflow_execution_queue q
            where q.workflow_id = workflow and q.state in ('ready', 'starting', 'started') and q.counted
            order by q.seq
            limit w.max_concurrent_runs
        ) as busy)::integer
    from workflows w where w.workflow_id = workflow
$$;

ALTER FUNCTION public.room_under_cap(workflow uuid) OWNER TO ms_owner;

CREATE FUNCTION public.schedule_goes_on(run public.workflow_runs) RETURNS void
    LANGUAGE sql
    AS $$
    with waiting as materialized (
        select w.event_id from events_to_be_processed w
        where w.workspace_id = run.workspace_id and w.source = 'schedule:' || run.workflow_id || ':' || run.trigger_id
            and w.verdict = 'waiting' and w.next_at > now()
        for update skip locked
    )
    update events_to_be_processed e set next_at = now() from waiting w where e.event_id = w.event_id
$$;

ALTER FUNCTION public.schedule_goes_on(run public.workflow_runs) OWNER TO ms_owner;

CREATE FUNCTION public.search_runs(words text[], of_workflow uuid, of_statuses text[], of_version integer, of_trigger text, of_test boolean, of_pinned boolean, lowest uuid, below uuid, most integer, oldest_first boolean) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $_$
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
    -- Beside the words stand the version and the kind of trigger: one that no run has, beside a word that all have, is known by the index too.
    if of_version is not null then
        query := query && quote_literal('#v' || of_version)::tsquery;
    end if;
    if of_trigger is not null then
        query := query && quote_literal('#t' || of_trigger)::tsquery;
    end if;
    -- Planned anew for each question, as how rare a word is decides the plan, and for each direction.
    return query execute '
        select r.run_id from public.workflow_runs r
        where r.search @@ $1 and r.workspace_id = $2
            and ($3 is null or r.workflow_id = $3)
            and ($4 is null or r.status = any ($4))
            and ($5 is null or r.version = $5)
            and ($6 is null or r.trigger_type = $6)
            and ($7 is null or r.test = $7)
            and ($8 is null or (r.pinned_at is not null) = $8)
            and r.run_id >= $9 and r.run_id < $10
        order by r.run_id ' || case when oldest_first then 'asc' else 'desc' end || ' limit $11'
    using query, workspace, of_workflow, of_statuses, of_version, of_trigger, of_test, of_pinned, lowest, below, most;
end
$_$;

ALTER FUNCTION public.search_runs(words text[], of_workflow uuid, of_statuses text[], of_version integer, of_trigger text, of_test boolean, of_pinned boolean, lowest uuid, below uuid, most integer, oldest_first boolean) OWNER TO ms_search;

CREATE FUNCTION public.send_run(run uuid, epoch integer, lease_s double precision) RETURNS text
    LANGUAGE plpgsql
    AS $$
begin
    -- A start costs no wait for the disk more than before. A server that dies within the next half second may forget this note, and then
    -- only a cancel in the moment of its restart could take the run for one that was never sent.
    perform set_config('synchronous_commit', 'off', true);
    update workflow_execution_queue q set sent = true, lease_until = now() + make_interval(secs => lease_s)
    where q.run_id = run and q.lease_epoch = epoch and q.state = 'starting';
    return case
        when found then 'done'
        when exists (select from workflow_execution_queue q where q.run_id = run) then 'refused'
        else 'ended'
    end;
end
$$;

ALTER FUNCTION public.send_run(run uuid, epoch integer, lease_s double precision) OWNER TO ms_owner;

CREATE FUNCTION public.set_queue_status(queue uuid, wanted text) RETURNS integer
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    AS $$
declare
    freed integer := 0;
    one record;
    n integer;
begin
    perform from queue_rate_limiting l where l.queue_id = queue for update;
    update workflows_app_queues s set status = wanted, updated_at = now() where s.queue_id = queue and s.status <> wanted;
    if wanted = 'paused' then
        -- A claim that hasn't begun is over, and comes again as the same run when the queue goes on.
        update app_queue_batches u set epoch = nextval('app_queue_epoch'), lease_until = present(), holder = null
        where u.queue_id = queue and u.state = 'claimed';
    end if;
    if wanted = 'running' then
        for one in
            select k.lane from app_queue_keys k where k.queue_id = queue and k.state = 'blocked' order by k.lane for update
        loop
            -- What was found out about its parts may not hold any more.
            update app_queue_batches u set
                state = 'resting', not_before = present(), attempt = 1,
                cuts = case when cardinality(u.rest) > 0 then array[cardinality(u.rest)] else u.cuts end
            where u.queue_id = queue and u.lane = one.lane and u.state = 'blocked'
            returning cardinality(u.members) + coalesce(cardinality(u.rest), 0) into n;
            update app_queue_keys k set state = 'held' where k.queue_id = queue and k.lane = one.lane;
            insert into app_queue_counts (workspace_id, queue_id, depth, in_flight)
            select s.workspace_id, queue, -n, n from workflows_app_queues s where s.queue_id = queue;
            freed := freed + 1;
        end loop;
    end if;
    return freed;
end
$$;

ALTER FUNCTION public.set_queue_status(queue uuid, wanted text) OWNER TO ms_owner;

CREATE FUNCTION public.take_start(workspace bigint, of_key text, count integer, per_s double precision, reserve boolean) RETURNS TABLE(due timestamp with time zone, wait_s double precision)
    LANGUAGE plpgsql
    AS $$
declare
    held rate_ledger;
    moment timestamptz;
    kept_for interval := make_interval(secs => least(per_s, 31557600000));
begin
    perform act_for(workspace);
    if not reserve then
        -- A flood that is refused waits for nobody and writes nothing.
        select * into held from rate_ledger l where l.workspace_id = workspace and l.key = of_key;
        if found then
            moment := present();
            due := rate_next(held.starts, count, per_s, moment);
            wait_s := extract(epoch from due - moment);
            if due > moment then
                return next;
                return;
            end if;
        end if;
    end if;
    loop
        select * into held from rate_ledger l where l.workspace_id = workspace and l.key = of_key for update;
        exit when found;
        -- Somebody else's row is waited for here, and locked in the next round; maintenance may take it away between.
        insert into rate_ledger as l (workspace_id, key, starts, expires_at)
        values (workspace, of_key, '{}', present() + interval '1 hour')
        on conflict do nothing;
    end loop;
    moment := present();
    due := rate_next(held.starts, count, per_s, moment);
    wait_s := extract(epoch from due - moment);
    if due = moment or reserve then
        update rate_ledger l set
            starts = rate_kept(held.starts, count, due),
            expires_at = case when held.expires_at >= due + kept_for then held.expires_at else due + kept_for + interval '1 hour' end
        where l.workspace_id = workspace and l.key = of_key;
    end if;
    return next;
end
$$;

ALTER FUNCTION public.take_start(workspace bigint, of_key text, count integer, per_s double precision, reserve boolean) OWNER TO ms_owner;

CREATE FUNCTION public.tell_end(run public.workflow_runs, end_status text) RETURNS void
    LANGUAGE sql
    AS $$
    insert into events_to_be_processed (workspace_id, event_id, kind, source, workflow_id, trigger_id, verdict, next_at, head)
    select run.workspace_id, new_uuid7(), 'workflow', 'workflow:' || l.workflow_id || ':' || l.trigger_id, l.workflow_id, l.trigger_id,
        'waiting', now(), json_build_object('run_id', run.run_id)
    from workflow_listeners l
    join workflows w on w.workflow_id = run.workflow_id
    where l.workspace_id = run.workspace_id and l.kind = 'workflow' and end_status = any (l.statuses) and l.names && array['*', w.name]
        and not run.test and l.workflow_id <> run.workflow_id and l.workflow_id <> all (coalesce(run.chain, '{}'))
$$;

ALTER FUNCTION public.tell_end(run public.workflow_runs, end_status text) OWNER TO ms_owner;

CREATE FUNCTION public.use_queue(queue uuid) RETURNS public.workflows_app_queues
    LANGUAGE plpgsql
    AS $$
declare
    q workflows_app_queues;
begin
    perform pg_advisory_xact_lock_shared(hashtextextended(queue::text, 3));
    select * into q from workflows_app_queues s where s.queue_id = queue;
    return q;
end
$$;

ALTER FUNCTION public.use_queue(queue uuid) OWNER TO ms_owner;

CREATE FUNCTION public.uuid7_floor(moment timestamp with time zone) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ((lpad(to_hex((floor((EXTRACT(epoch FROM moment) * (1000)::numeric)))::bigint), 12, '0'::text) || repeat('0'::text, 20)))::uuid;

ALTER FUNCTION public.uuid7_floor(moment timestamp with time zone) OWNER TO ms_owner;

CREATE FUNCTION public.wait_for_lane(queue uuid, moment timestamp with time zone) RETURNS SETOF public.app_queue_keys
    LANGUAGE plpgsql
    SET lock_timeout TO '2s'
    AS $$
begin
    return query
        select * from app_queue_keys r
        where r.queue_id = queue and r.state = 'ready' and r.due_at <= moment
        order by r.due_at, r.lane
        limit 1
        for update;
exception when lock_not_available then
    return;
end
$$;

ALTER FUNCTION public.wait_for_lane(queue uuid, moment timestamp with time zone) OWNER TO ms_owner;

CREATE FUNCTION public.workflows_cap_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    perform pg_advisory_xact_lock(hashtextextended(new.workflow_id::text, 2));
    perform fill_room(new.workspace_id, new.workflow_id);
    return null;
end
$$;

ALTER FUNCTION public.workflows_cap_changed() OWNER TO ms_owner;

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
    operation text,
    CONSTRAINT api_keys_hash_is_sha256 CHECK ((octet_length(hash) = 32)),
    CONSTRAINT api_keys_role CHECK ((role = ANY (ARRAY['owner'::text, 'editor'::text, 'viewer'::text])))
);

ALTER TABLE ONLY public.api_keys FORCE ROW LEVEL SECURITY;

ALTER TABLE public.api_keys OWNER TO ms_owner;

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

CREATE TABLE public.audit (
    workspace_id bigint NOT NULL,
    audit_id uuid DEFAULT gen_random_uuid() NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    user_id bigint,
    email text,
    api_key_id uuid,
    key_name text,
    action text,
    change text NOT NULL,
    kind text NOT NULL,
    object_id text NOT NULL,
    name text,
    before jsonb,
    after jsonb,
    ip text,
    forwarded_for text,
    user_agent text,
    request_id text,
    route text
);

ALTER TABLE ONLY public.audit FORCE ROW LEVEL SECURITY;

ALTER TABLE public.audit OWNER TO ms_owner;

CREATE TABLE public.connections (
    workspace_id bigint NOT NULL,
    connection_id uuid NOT NULL,
    name text NOT NULL,
    app text NOT NULL,
    kind text NOT NULL,
    config json NOT NULL,
    secret bytea,
    secret_version integer DEFAULT 1 NOT NULL,
    allowed_hosts text[] NOT NULL,
    rate_count integer,
    rate_per double precision,
    usable_by text DEFAULT 'editor'::text NOT NULL,
    state text DEFAULT 'ok'::text NOT NULL,
    reason text,
    provider_id uuid,
    tokens bytea,
    token_version integer DEFAULT 0 NOT NULL,
    expires_at timestamp with time zone,
    refresh_at timestamp with time zone,
    lease_epoch bigint DEFAULT 0 NOT NULL,
    lease_until timestamp with time zone,
    rest_until timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by bigint,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT connections_kind CHECK ((kind = ANY (ARRAY['api_key'::text, 'basic'::text, 'bearer'::text, 'header'::text, 'oauth2'::text, 'postgres'::text, 'smtp'::text, 'imap'::text, 'llm'::text]))),
    CONSTRAINT connections_name CHECK ((name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'::text)),
    CONSTRAINT connections_rate CHECK ((((rate_count IS NULL) = (rate_per IS NULL)) AND (rate_count > 0) AND (rate_per > (0)::double precision))),
    CONSTRAINT connections_reason CHECK (((state = 'ok'::text) = (reason IS NULL))),
    CONSTRAINT connections_state CHECK ((state = ANY (ARRAY['ok'::text, 'needs_reauth'::text, 'revoked'::text]))),
    CONSTRAINT connections_tokens CHECK (((tokens IS NULL) OR (kind = 'oauth2'::text))),
    CONSTRAINT connections_usable_by CHECK ((usable_by = ANY (ARRAY['owner'::text, 'editor'::text])))
)
WITH (fillfactor='80');

ALTER TABLE ONLY public.connections FORCE ROW LEVEL SECURITY;

ALTER TABLE public.connections OWNER TO ms_owner;

CREATE TABLE public.connections_providers (
    workspace_id bigint NOT NULL,
    provider_id uuid NOT NULL,
    name text NOT NULL,
    config json NOT NULL,
    client_secret bytea,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by bigint,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT connections_providers_name CHECK ((name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'::text))
);

ALTER TABLE ONLY public.connections_providers FORCE ROW LEVEL SECURITY;

ALTER TABLE public.connections_providers OWNER TO ms_owner;

CREATE TABLE public.connections_uses (
    workspace_id bigint NOT NULL,
    connection_id uuid NOT NULL,
    workflow_id uuid NOT NULL
);

ALTER TABLE ONLY public.connections_uses FORCE ROW LEVEL SECURITY;

ALTER TABLE public.connections_uses OWNER TO ms_owner;

CREATE TABLE public.copilot_approvals (
    workspace_id bigint NOT NULL,
    approval_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    action text NOT NULL,
    workflow text NOT NULL,
    content_hash text NOT NULL,
    change_set json NOT NULL,
    status text DEFAULT 'open'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    decided_at timestamp with time zone,
    decided_by json,
    parts json,
    reason text,
    result json,
    CONSTRAINT copilot_approvals_decision CHECK (((status = ANY (ARRAY['open'::text, 'void'::text])) = (decided_at IS NULL))),
    CONSTRAINT copilot_approvals_status CHECK ((status = ANY (ARRAY['open'::text, 'refused'::text, 'approved'::text, 'done'::text, 'failed'::text, 'void'::text])))
);

ALTER TABLE ONLY public.copilot_approvals FORCE ROW LEVEL SECURITY;

ALTER TABLE public.copilot_approvals OWNER TO ms_owner;

CREATE TABLE public.copilot_conversations (
    workspace_id bigint NOT NULL,
    conversation_id uuid NOT NULL,
    asker text NOT NULL,
    title text,
    workflow_id uuid,
    run_id uuid,
    last_seq bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.copilot_conversations FORCE ROW LEVEL SECURITY;

ALTER TABLE public.copilot_conversations OWNER TO ms_owner;

CREATE TABLE public.copilot_events (
    workspace_id bigint NOT NULL,
    conversation_id uuid NOT NULL,
    seq bigint NOT NULL,
    turn_id uuid NOT NULL,
    event json NOT NULL
);

ALTER TABLE ONLY public.copilot_events FORCE ROW LEVEL SECURITY;

ALTER TABLE public.copilot_events OWNER TO ms_owner;

CREATE TABLE public.copilot_llm_monitor_logs (
    workspace_id bigint NOT NULL,
    call_id uuid NOT NULL,
    purpose text NOT NULL,
    subject text,
    status text DEFAULT 'started'::text NOT NULL,
    user_id bigint,
    conversation_id uuid,
    turn_id uuid,
    message_id uuid,
    run_id uuid,
    path text,
    step integer DEFAULT 0 NOT NULL,
    attempt integer DEFAULT 1 NOT NULL,
    parent_id uuid,
    provider text,
    host text NOT NULL,
    api text DEFAULT 'chat.completions'::text NOT NULL,
    request_model text NOT NULL,
    response_model text,
    response_id text,
    prompt_name text,
    prompt_version text,
    prompt_hash text,
    parameters json NOT NULL,
    request_hash text NOT NULL,
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
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    first_chunk_at timestamp with time zone,
    finished_at timestamp with time zone,
    time_to_first_token_ms double precision GENERATED ALWAYS AS (((EXTRACT(epoch FROM (first_chunk_at - started_at)))::double precision * (1000)::double precision)) STORED,
    duration_ms double precision GENERATED ALWAYS AS (((EXTRACT(epoch FROM (finished_at - started_at)))::double precision * (1000)::double precision)) STORED,
    chunks integer,
    http_status integer,
    error json,
    retry_after_s double precision,
    request_id text,
    temporal_workflow_id text,
    temporal_run_id text,
    trace_id text,
    lease_until timestamp with time zone,
    CONSTRAINT copilot_llm_monitor_logs_end CHECK (((status = 'started'::text) = (finished_at IS NULL))),
    CONSTRAINT copilot_llm_monitor_logs_lease CHECK (((status = 'started'::text) = (lease_until IS NOT NULL))),
    CONSTRAINT copilot_llm_monitor_logs_ok CHECK (((status <> 'ok'::text) OR (response_hash IS NOT NULL))),
    CONSTRAINT copilot_llm_monitor_logs_purpose CHECK ((purpose = ANY (ARRAY['chat'::text, 'build'::text, 'explain'::text, 'fix'::text, 'compact'::text, 'title'::text, 'judge'::text, 'module'::text, 'probe'::text]))),
    CONSTRAINT copilot_llm_monitor_logs_status CHECK ((status = ANY (ARRAY['started'::text, 'ok'::text, 'error'::text, 'cancelled'::text, 'interrupted'::text]))),
    CONSTRAINT copilot_llm_monitor_logs_usage CHECK ((usage_source = ANY (ARRAY['endpoint'::text, 'estimated'::text])))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.02');

ALTER TABLE ONLY public.copilot_llm_monitor_logs FORCE ROW LEVEL SECURITY;

ALTER TABLE public.copilot_llm_monitor_logs OWNER TO ms_owner;

CREATE TABLE public.copilot_messages (
    workspace_id bigint NOT NULL,
    message_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    role text NOT NULL,
    content text DEFAULT ''::text NOT NULL,
    widget json,
    options json,
    subject json,
    status text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT copilot_messages_role CHECK ((role = ANY (ARRAY['user'::text, 'assistant'::text]))),
    CONSTRAINT copilot_messages_status CHECK ((status = ANY (ARRAY['in_progress'::text, 'completed'::text, 'failed'::text, 'cancelled'::text])))
);

ALTER TABLE ONLY public.copilot_messages FORCE ROW LEVEL SECURITY;

ALTER TABLE public.copilot_messages OWNER TO ms_owner;

CREATE TABLE public.copilot_task_contexts (
    workspace_id bigint NOT NULL,
    context_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    kind text NOT NULL,
    body text NOT NULL,
    tokens integer,
    covers uuid NOT NULL,
    model text,
    prompt text NOT NULL,
    superseded_by uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT copilot_task_contexts_kind CHECK ((kind = ANY (ARRAY['goal'::text, 'facts'::text, 'decisions'::text, 'open_items'::text, 'summary'::text])))
);

ALTER TABLE ONLY public.copilot_task_contexts FORCE ROW LEVEL SECURITY;

ALTER TABLE public.copilot_task_contexts OWNER TO ms_owner;

CREATE TABLE public.copilot_tool_calls (
    workspace_id bigint NOT NULL,
    turn_id uuid NOT NULL,
    step integer NOT NULL,
    "position" integer NOT NULL,
    name text NOT NULL,
    content json NOT NULL,
    fact json,
    error text,
    ends boolean NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.copilot_tool_calls FORCE ROW LEVEL SECURITY;

ALTER TABLE public.copilot_tool_calls OWNER TO ms_owner;

CREATE TABLE public.copilot_turn_steps (
    workspace_id bigint NOT NULL,
    turn_id uuid NOT NULL,
    step integer NOT NULL,
    text text NOT NULL,
    calls json NOT NULL,
    finish text NOT NULL,
    tokens integer,
    cost_usd numeric,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.copilot_turn_steps FORCE ROW LEVEL SECURITY;

ALTER TABLE public.copilot_turn_steps OWNER TO ms_owner;

CREATE TABLE public.copilot_turns (
    workspace_id bigint NOT NULL,
    turn_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    answer_id uuid NOT NULL,
    asker json NOT NULL,
    status text DEFAULT 'in_progress'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    looked_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    finished_at timestamp with time zone,
    error json,
    CONSTRAINT copilot_turns_end CHECK (((status = 'in_progress'::text) = (finished_at IS NULL))),
    CONSTRAINT copilot_turns_status CHECK ((status = ANY (ARRAY['in_progress'::text, 'completed'::text, 'failed'::text, 'cancelled'::text])))
);

ALTER TABLE ONLY public.copilot_turns FORCE ROW LEVEL SECURITY;

ALTER TABLE public.copilot_turns OWNER TO ms_owner;

CREATE TABLE public.event_waits (
    workspace_id bigint NOT NULL,
    run_id uuid NOT NULL,
    path text NOT NULL,
    key text NOT NULL,
    schema json
);

ALTER TABLE ONLY public.event_waits FORCE ROW LEVEL SECURITY;

ALTER TABLE public.event_waits OWNER TO ms_owner;

CREATE TABLE public.events_to_be_processed (
    workspace_id bigint NOT NULL,
    event_id uuid NOT NULL,
    kind text NOT NULL,
    source text NOT NULL,
    workflow_id uuid,
    trigger_id text,
    dedupe_key text,
    dedupe_until timestamp with time zone,
    run_id uuid,
    verdict text NOT NULL,
    reason text,
    attempts integer DEFAULT 0 NOT NULL,
    next_at timestamp with time zone,
    lease_epoch integer DEFAULT 0 NOT NULL,
    lease_until timestamp with time zone,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    size integer DEFAULT 0 NOT NULL,
    head json,
    raw bytea,
    content_of uuid,
    CONSTRAINT events_accepted_has_run CHECK (((verdict <> 'accepted'::text) OR (run_id IS NOT NULL))),
    CONSTRAINT events_dedupe_has_key CHECK (((dedupe_until IS NULL) OR (dedupe_key IS NOT NULL))),
    CONSTRAINT events_kind CHECK ((kind = ANY (ARRAY['api'::text, 'webhook'::text, 'email'::text, 'schedule'::text, 'event'::text, 'workflow'::text, 'poll'::text]))),
    CONSTRAINT events_lease_waits CHECK (((lease_until IS NULL) OR (verdict = 'waiting'::text))),
    CONSTRAINT events_verdict CHECK ((verdict = ANY (ARRAY['waiting'::text, 'accepted'::text, 'duplicate'::text, 'refused'::text, 'failed'::text, 'dropped'::text]))),
    CONSTRAINT events_waiting_has_time CHECK (((verdict = 'waiting'::text) = (next_at IS NOT NULL)))
)
WITH (autovacuum_vacuum_scale_factor='0.05');

ALTER TABLE ONLY public.events_to_be_processed FORCE ROW LEVEL SECURITY;

ALTER TABLE public.events_to_be_processed OWNER TO ms_owner;

CREATE TABLE public.file_operations (
    workspace_id bigint NOT NULL,
    operation text NOT NULL,
    answer json NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.file_operations FORCE ROW LEVEL SECURITY;

ALTER TABLE public.file_operations OWNER TO ms_owner;

CREATE TABLE public.files (
    workspace_id bigint NOT NULL,
    file_id uuid NOT NULL,
    name text NOT NULL,
    mime_type text NOT NULL,
    state text DEFAULT 'uploading'::text NOT NULL,
    piece_size integer NOT NULL,
    size bigint,
    sha256 text,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by bigint,
    expires_at timestamp with time zone,
    touched_at timestamp with time zone DEFAULT now() NOT NULL,
    swept_at timestamp with time zone,
    CONSTRAINT files_name CHECK (((length(name) >= 1) AND (length(name) <= 255))),
    CONSTRAINT files_piece_size CHECK ((piece_size > 0)),
    CONSTRAINT files_ready_is_whole CHECK (((state <> 'ready'::text) OR ((size IS NOT NULL) AND (sha256 IS NOT NULL)))),
    CONSTRAINT files_state CHECK ((state = ANY (ARRAY['uploading'::text, 'ready'::text, 'removed'::text]))),
    CONSTRAINT files_swept_is_removed CHECK (((swept_at IS NULL) OR (state = 'removed'::text)))
);

ALTER TABLE ONLY public.files FORCE ROW LEVEL SECURITY;

ALTER TABLE public.files OWNER TO ms_owner;

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

CREATE TABLE public.interim_app_credentials (
    workspace_id bigint NOT NULL,
    state_hash bytea NOT NULL,
    connection_id uuid NOT NULL,
    user_id bigint,
    secret bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT interim_app_credentials_hash_is_sha256 CHECK ((octet_length(state_hash) = 32))
);

ALTER TABLE ONLY public.interim_app_credentials FORCE ROW LEVEL SECURITY;

ALTER TABLE public.interim_app_credentials OWNER TO ms_owner;

CREATE TABLE public.kept_events (
    workspace_id bigint NOT NULL,
    event_id uuid NOT NULL,
    key text NOT NULL,
    name text NOT NULL,
    data json,
    until timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.kept_events FORCE ROW LEVEL SECURITY;

ALTER TABLE public.kept_events OWNER TO ms_owner;

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

CREATE TABLE public.llm_abilities (
    workspace_id bigint NOT NULL,
    endpoint text NOT NULL,
    model text NOT NULL,
    tools boolean NOT NULL,
    parallel_tools boolean NOT NULL,
    json_mode text NOT NULL,
    streams boolean NOT NULL,
    stream_usage boolean NOT NULL,
    token_limit text,
    temperature boolean NOT NULL,
    probed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT llm_abilities_json CHECK ((json_mode = ANY (ARRAY['json_schema'::text, 'json_object'::text, 'text'::text]))),
    CONSTRAINT llm_abilities_limit CHECK ((token_limit = ANY (ARRAY['max_tokens'::text, 'max_completion_tokens'::text])))
);

ALTER TABLE ONLY public.llm_abilities FORCE ROW LEVEL SECURITY;

ALTER TABLE public.llm_abilities OWNER TO ms_owner;

CREATE TABLE public.llm_bodies (
    workspace_id bigint NOT NULL,
    hash text NOT NULL,
    body bytea NOT NULL,
    kept_until timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.llm_bodies FORCE ROW LEVEL SECURITY;

ALTER TABLE public.llm_bodies OWNER TO ms_owner;

CREATE TABLE public.llm_budgets (
    workspace_id bigint NOT NULL,
    daily_tokens bigint,
    daily_usd numeric,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT llm_budgets_not_below CHECK (((COALESCE(daily_tokens, (0)::bigint) >= 0) AND (COALESCE(daily_usd, (0)::numeric) >= (0)::numeric)))
);

ALTER TABLE ONLY public.llm_budgets FORCE ROW LEVEL SECURITY;

ALTER TABLE public.llm_budgets OWNER TO ms_owner;

CREATE TABLE public.llm_prices (
    workspace_id bigint NOT NULL,
    model text NOT NULL,
    input_usd numeric NOT NULL,
    output_usd numeric NOT NULL,
    cache_read_usd numeric,
    cache_write_usd numeric,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT llm_prices_not_below CHECK (((input_usd >= (0)::numeric) AND (output_usd >= (0)::numeric) AND (COALESCE(cache_read_usd, (0)::numeric) >= (0)::numeric) AND (COALESCE(cache_write_usd, (0)::numeric) >= (0)::numeric)))
);

ALTER TABLE ONLY public.llm_prices FORCE ROW LEVEL SECURITY;

ALTER TABLE public.llm_prices OWNER TO ms_owner;

CREATE TABLE public.master_root (
    one boolean DEFAULT true NOT NULL,
    master text NOT NULL,
    wrapped bytea NOT NULL,
    CONSTRAINT master_root_is_one CHECK (one)
);

ALTER TABLE ONLY public.master_root FORCE ROW LEVEL SECURITY;

ALTER TABLE public.master_root OWNER TO ms_owner;

CREATE TABLE public.poll_keys (
    workspace_id bigint NOT NULL,
    poll_id uuid NOT NULL,
    key text NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.poll_keys FORCE ROW LEVEL SECURITY;

ALTER TABLE public.poll_keys OWNER TO ms_owner;

CREATE TABLE public.polls (
    workspace_id bigint NOT NULL,
    poll_id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    trigger_id text NOT NULL,
    live boolean NOT NULL,
    every_s double precision NOT NULL,
    next_at timestamp with time zone,
    lease_epoch integer DEFAULT 0 NOT NULL,
    lease_until timestamp with time zone,
    cursor json,
    asked_at timestamp with time zone,
    answered_at timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL,
    error json,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT polls_next_is_live CHECK (((next_at IS NULL) OR live))
);

ALTER TABLE ONLY public.polls FORCE ROW LEVEL SECURITY;

ALTER TABLE public.polls OWNER TO ms_owner;

CREATE TABLE public.queue_rate_limiting (
    workspace_id bigint NOT NULL,
    queue_id uuid NOT NULL,
    starts timestamp with time zone[] DEFAULT '{}'::timestamp with time zone[] NOT NULL
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='500');

ALTER TABLE ONLY public.queue_rate_limiting FORCE ROW LEVEL SECURITY;

ALTER TABLE public.queue_rate_limiting OWNER TO ms_owner;

CREATE TABLE public.rate_ledger (
    workspace_id bigint NOT NULL,
    key text NOT NULL,
    starts timestamp with time zone[] NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT rate_ledger_key_is_short CHECK (((length(key) >= 1) AND (length(key) <= 300)))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='500');

ALTER TABLE ONLY public.rate_ledger FORCE ROW LEVEL SECURITY;

ALTER TABLE public.rate_ledger OWNER TO ms_owner;

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
    r.pinned_at,
    r.pinned_by,
    r.pinned_reason,
        CASE
            WHEN (q.state = 'blocked'::text) THEN 'key'::text
            WHEN (q.state = 'capped'::text) THEN 'cap'::text
            WHEN (q.state = ANY (ARRAY['ready'::text, 'starting'::text])) THEN 'start'::text
            ELSE NULL::text
        END AS queued_for,
        CASE
            WHEN (q.state = 'blocked'::text) THEN ( SELECT o.run_id
               FROM public.workflow_execution_queue o
              WHERE ((o.workflow_id = q.workflow_id) AND (o.concurrency_key = q.concurrency_key))
              ORDER BY o.seq
             LIMIT 1)
            ELSE NULL::uuid
        END AS queued_behind,
        CASE
            WHEN (q.state = 'capped'::text) THEN w.max_concurrent_runs
            ELSE NULL::integer
        END AS cap,
        CASE
            WHEN (q.state = 'capped'::text) THEN ( SELECT count(*) AS count
               FROM public.workflow_execution_queue o
              WHERE ((o.workflow_id = q.workflow_id) AND (o.state = ANY (ARRAY['ready'::text, 'starting'::text, 'started'::text])) AND o.counted))
            ELSE NULL::bigint
        END AS open_runs,
    q.attempts AS start_attempts,
    q.trouble
   FROM ((public.workflow_runs r
     JOIN public.workflows w ON ((w.workflow_id = r.workflow_id)))
     LEFT JOIN public.workflow_execution_queue q ON ((q.run_id = r.run_id)));

ALTER VIEW public.run_headers OWNER TO ms_owner;

CREATE TABLE public.schedules (
    workspace_id bigint NOT NULL,
    schedule_id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    trigger_id text NOT NULL,
    live boolean NOT NULL,
    cron text,
    every_s double precision,
    timezone text NOT NULL,
    overlap text NOT NULL,
    catchup_s double precision NOT NULL,
    jitter_s double precision NOT NULL,
    paused_at timestamp with time zone,
    pause_reason text,
    next_at timestamp with time zone,
    due_at timestamp with time zone,
    last_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT schedules_due_with_next CHECK (((next_at IS NULL) = (due_at IS NULL))),
    CONSTRAINT schedules_one_timing CHECK (((cron IS NULL) <> (every_s IS NULL))),
    CONSTRAINT schedules_overlap CHECK ((overlap = ANY (ARRAY['skip'::text, 'buffer_one'::text, 'buffer_all'::text, 'cancel_other'::text, 'allow_all'::text]))),
    CONSTRAINT schedules_stand_still CHECK (((next_at IS NULL) OR (live AND (paused_at IS NULL))))
);

ALTER TABLE ONLY public.schedules FORCE ROW LEVEL SECURITY;

ALTER TABLE public.schedules OWNER TO ms_owner;

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

CREATE TABLE public.workflow_email_routes (
    workspace_id bigint NOT NULL,
    route_id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    trigger_id text NOT NULL,
    address text NOT NULL,
    alias text,
    live boolean NOT NULL,
    allow_from text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT workflow_email_routes_address CHECK ((address ~ '^[a-z2-7]{20}$'::text)),
    CONSTRAINT workflow_email_routes_alias CHECK (((alias ~ '^[a-z0-9._-]{3,63}$'::text) AND (alias !~ '^[a-z2-7]{20}$'::text))),
    CONSTRAINT workflow_email_routes_alias_lives CHECK (((alias IS NULL) OR live))
);

ALTER TABLE ONLY public.workflow_email_routes FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_email_routes OWNER TO ms_owner;

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

CREATE TABLE public.workflow_listeners (
    workspace_id bigint NOT NULL,
    workflow_id uuid NOT NULL,
    trigger_id text NOT NULL,
    kind text NOT NULL,
    names text[] NOT NULL,
    statuses text[],
    filter json,
    CONSTRAINT workflow_listeners_ends CHECK (((kind = 'workflow'::text) = (statuses IS NOT NULL))),
    CONSTRAINT workflow_listeners_kind CHECK ((kind = ANY (ARRAY['event'::text, 'workflow'::text])))
);

ALTER TABLE ONLY public.workflow_listeners FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_listeners OWNER TO ms_owner;

CREATE TABLE public.workflow_mailboxes (
    workspace_id bigint NOT NULL,
    route_id uuid NOT NULL,
    connection text NOT NULL,
    mailbox text NOT NULL,
    every_s double precision NOT NULL,
    afterwards text NOT NULL,
    live boolean NOT NULL,
    account text,
    uid_validity bigint,
    last_uid bigint DEFAULT 0 NOT NULL,
    since date,
    state text DEFAULT 'new'::text NOT NULL,
    reason text,
    failures integer DEFAULT 0 NOT NULL,
    looked_at timestamp with time zone,
    next_at timestamp with time zone,
    lease_epoch integer DEFAULT 0 NOT NULL,
    lease_until timestamp with time zone,
    CONSTRAINT workflow_mailboxes_afterwards CHECK ((afterwards = ANY (ARRAY['keep'::text, 'seen'::text]))),
    CONSTRAINT workflow_mailboxes_state CHECK ((state = ANY (ARRAY['new'::text, 'ok'::text, 'failing'::text])))
);

ALTER TABLE ONLY public.workflow_mailboxes FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_mailboxes OWNER TO ms_owner;

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

CREATE TABLE public.workflow_words (
    workspace_id bigint NOT NULL,
    run_id uuid NOT NULL,
    words text[] NOT NULL
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='500');

ALTER TABLE ONLY public.workflow_words FORCE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_words OWNER TO ms_owner;

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
    secret boolean DEFAULT false NOT NULL,
    closed bytea,
    former bytea,
    CONSTRAINT workflows_variables_former_is_of_a_secret CHECK ((secret OR (former IS NULL))),
    CONSTRAINT workflows_variables_name CHECK ((name ~ '^[A-Za-z_][A-Za-z0-9_]{0,62}$'::text)),
    CONSTRAINT workflows_variables_secret_is_closed CHECK ((secret = (closed IS NOT NULL)))
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
    settled_at timestamp with time zone,
    retired_at timestamp with time zone,
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
    encrypt_logs boolean DEFAULT false NOT NULL,
    logs_encrypted_at timestamp with time zone,
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

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (workspace_id, at, audit_id);

ALTER TABLE ONLY public.connections
    ADD CONSTRAINT connections_pkey PRIMARY KEY (connection_id);

ALTER TABLE ONLY public.connections_providers
    ADD CONSTRAINT connections_providers_pkey PRIMARY KEY (provider_id);

ALTER TABLE ONLY public.connections_providers
    ADD CONSTRAINT connections_providers_workspace_id_name_key UNIQUE (workspace_id, name);

ALTER TABLE ONLY public.connections_providers
    ADD CONSTRAINT connections_providers_workspace_id_provider_id_key UNIQUE (workspace_id, provider_id);

ALTER TABLE ONLY public.connections_uses
    ADD CONSTRAINT connections_uses_pkey PRIMARY KEY (connection_id, workflow_id);

ALTER TABLE ONLY public.connections
    ADD CONSTRAINT connections_workspace_id_connection_id_key UNIQUE (workspace_id, connection_id);

ALTER TABLE ONLY public.connections
    ADD CONSTRAINT connections_workspace_id_name_key UNIQUE (workspace_id, name);

ALTER TABLE ONLY public.copilot_approvals
    ADD CONSTRAINT copilot_approvals_pkey PRIMARY KEY (approval_id);

ALTER TABLE ONLY public.copilot_conversations
    ADD CONSTRAINT copilot_conversations_pkey PRIMARY KEY (conversation_id);

ALTER TABLE ONLY public.copilot_events
    ADD CONSTRAINT copilot_events_pkey PRIMARY KEY (conversation_id, seq);

ALTER TABLE ONLY public.copilot_llm_monitor_logs
    ADD CONSTRAINT copilot_llm_monitor_logs_pkey PRIMARY KEY (call_id);

ALTER TABLE ONLY public.copilot_messages
    ADD CONSTRAINT copilot_messages_pkey PRIMARY KEY (message_id);

ALTER TABLE ONLY public.copilot_task_contexts
    ADD CONSTRAINT copilot_task_contexts_pkey PRIMARY KEY (context_id);

ALTER TABLE ONLY public.copilot_tool_calls
    ADD CONSTRAINT copilot_tool_calls_pkey PRIMARY KEY (turn_id, step, "position");

ALTER TABLE ONLY public.copilot_turn_steps
    ADD CONSTRAINT copilot_turn_steps_pkey PRIMARY KEY (turn_id, step);

ALTER TABLE ONLY public.copilot_turns
    ADD CONSTRAINT copilot_turns_pkey PRIMARY KEY (turn_id);

ALTER TABLE ONLY public.event_waits
    ADD CONSTRAINT event_waits_pkey PRIMARY KEY (run_id, path);

ALTER TABLE ONLY public.events_to_be_processed
    ADD CONSTRAINT events_to_be_processed_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY public.file_operations
    ADD CONSTRAINT file_operations_pkey PRIMARY KEY (workspace_id, operation);

ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_pkey PRIMARY KEY (file_id);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (workspace_id, key);

ALTER TABLE ONLY public.interim_app_credentials
    ADD CONSTRAINT interim_app_credentials_pkey PRIMARY KEY (state_hash);

ALTER TABLE ONLY public.kept_events
    ADD CONSTRAINT kept_events_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY public.key_value_operations
    ADD CONSTRAINT key_value_operations_pkey PRIMARY KEY (workspace_id, operation);

ALTER TABLE ONLY public.key_values
    ADD CONSTRAINT key_values_pkey PRIMARY KEY (workspace_id, scope, key);

ALTER TABLE ONLY public.llm_abilities
    ADD CONSTRAINT llm_abilities_pkey PRIMARY KEY (workspace_id, endpoint, model);

ALTER TABLE ONLY public.llm_bodies
    ADD CONSTRAINT llm_bodies_pkey PRIMARY KEY (workspace_id, hash);

ALTER TABLE ONLY public.llm_budgets
    ADD CONSTRAINT llm_budgets_pkey PRIMARY KEY (workspace_id);

ALTER TABLE ONLY public.llm_prices
    ADD CONSTRAINT llm_prices_pkey PRIMARY KEY (workspace_id, model);

ALTER TABLE ONLY public.master_root
    ADD CONSTRAINT master_root_pkey PRIMARY KEY (one);

ALTER TABLE ONLY public.poll_keys
    ADD CONSTRAINT poll_keys_pkey PRIMARY KEY (poll_id, key);

ALTER TABLE ONLY public.polls
    ADD CONSTRAINT polls_pkey PRIMARY KEY (poll_id);

ALTER TABLE ONLY public.polls
    ADD CONSTRAINT polls_workflow_id_trigger_id_key UNIQUE (workflow_id, trigger_id);

ALTER TABLE ONLY public.queue_rate_limiting
    ADD CONSTRAINT queue_rate_limiting_pkey PRIMARY KEY (queue_id);

ALTER TABLE ONLY public.rate_ledger
    ADD CONSTRAINT rate_ledger_pkey PRIMARY KEY (workspace_id, key);

ALTER TABLE ONLY public.schedules
    ADD CONSTRAINT schedules_pkey PRIMARY KEY (schedule_id);

ALTER TABLE ONLY public.schedules
    ADD CONSTRAINT schedules_workflow_id_trigger_id_key UNIQUE (workflow_id, trigger_id);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.user_roles
    ADD CONSTRAINT user_roles_pkey PRIMARY KEY (user_id, workspace_id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_external_id_key UNIQUE (external_id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.workflow_email_routes
    ADD CONSTRAINT workflow_email_routes_address_key UNIQUE (address);

ALTER TABLE ONLY public.workflow_email_routes
    ADD CONSTRAINT workflow_email_routes_alias_key UNIQUE (alias);

ALTER TABLE ONLY public.workflow_email_routes
    ADD CONSTRAINT workflow_email_routes_of_workspace UNIQUE (workspace_id, route_id);

ALTER TABLE ONLY public.workflow_email_routes
    ADD CONSTRAINT workflow_email_routes_pkey PRIMARY KEY (route_id);

ALTER TABLE ONLY public.workflow_email_routes
    ADD CONSTRAINT workflow_email_routes_workflow_id_trigger_id_key UNIQUE (workflow_id, trigger_id);

ALTER TABLE ONLY public.workflow_execution_logs
    ADD CONSTRAINT workflow_execution_logs_pkey PRIMARY KEY (run_id, path, attempt);

ALTER TABLE ONLY public.workflow_execution_queue
    ADD CONSTRAINT workflow_execution_queue_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY public.workflow_listeners
    ADD CONSTRAINT workflow_listeners_pkey PRIMARY KEY (workflow_id, trigger_id);

ALTER TABLE ONLY public.workflow_mailboxes
    ADD CONSTRAINT workflow_mailboxes_pkey PRIMARY KEY (route_id);

ALTER TABLE ONLY public.workflow_payloads
    ADD CONSTRAINT workflow_payloads_pkey PRIMARY KEY (run_id, ref);

ALTER TABLE ONLY public.workflow_resumes
    ADD CONSTRAINT workflow_resumes_pkey PRIMARY KEY (run_id, path);

ALTER TABLE ONLY public.workflow_runs
    ADD CONSTRAINT workflow_runs_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY public.workflow_signals
    ADD CONSTRAINT workflow_signals_pkey PRIMARY KEY (signal_id);

ALTER TABLE ONLY public.workflow_words
    ADD CONSTRAINT workflow_words_pkey PRIMARY KEY (run_id);

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

CREATE UNIQUE INDEX api_keys_operation ON public.api_keys USING btree (workspace_id, operation) WHERE (operation IS NOT NULL);

CREATE INDEX api_keys_user ON public.api_keys USING btree (user_id) WHERE (user_id IS NOT NULL);

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

CREATE INDEX audit_at ON public.audit USING btree (at);

CREATE INDEX connections_provider ON public.connections USING btree (provider_id) WHERE (provider_id IS NOT NULL);

CREATE INDEX connections_uses_workflow ON public.connections_uses USING btree (workflow_id);

CREATE INDEX copilot_approvals_of ON public.copilot_approvals USING btree (workspace_id, conversation_id, approval_id);

CREATE INDEX copilot_approvals_turn ON public.copilot_approvals USING btree (turn_id);

CREATE INDEX copilot_conversations_asker ON public.copilot_conversations USING btree (workspace_id, asker, conversation_id);

CREATE UNIQUE INDEX copilot_conversations_owner ON public.copilot_conversations USING btree (workspace_id, conversation_id);

CREATE INDEX copilot_conversations_workflow ON public.copilot_conversations USING btree (workspace_id, workflow_id);

CREATE INDEX copilot_llm_monitor_logs_age ON public.copilot_llm_monitor_logs USING btree (started_at);

CREATE INDEX copilot_llm_monitor_logs_conversation ON public.copilot_llm_monitor_logs USING btree (conversation_id, call_id DESC) WHERE (conversation_id IS NOT NULL);

CREATE INDEX copilot_llm_monitor_logs_newest ON public.copilot_llm_monitor_logs USING btree (workspace_id, call_id DESC);

CREATE INDEX copilot_llm_monitor_logs_open ON public.copilot_llm_monitor_logs USING btree (lease_until) WHERE (status = 'started'::text);

CREATE INDEX copilot_llm_monitor_logs_run ON public.copilot_llm_monitor_logs USING btree (run_id, call_id DESC) WHERE (run_id IS NOT NULL);

CREATE INDEX copilot_llm_monitor_logs_spent ON public.copilot_llm_monitor_logs USING btree (workspace_id, started_at) INCLUDE (input_tokens, output_tokens, cost_usd);

CREATE UNIQUE INDEX copilot_llm_monitor_logs_step ON public.copilot_llm_monitor_logs USING btree (turn_id, step, attempt) WHERE (turn_id IS NOT NULL);

CREATE INDEX copilot_messages_of ON public.copilot_messages USING btree (workspace_id, conversation_id, message_id);

CREATE INDEX copilot_messages_turn ON public.copilot_messages USING btree (turn_id);

CREATE UNIQUE INDEX copilot_task_contexts_live ON public.copilot_task_contexts USING btree (conversation_id, kind) WHERE (superseded_by IS NULL);

CREATE INDEX copilot_task_contexts_of ON public.copilot_task_contexts USING btree (workspace_id, conversation_id);

CREATE INDEX copilot_turns_of ON public.copilot_turns USING btree (workspace_id, conversation_id, turn_id);

CREATE UNIQUE INDEX copilot_turns_one_at_a_time ON public.copilot_turns USING btree (conversation_id) WHERE (status = 'in_progress'::text);

CREATE INDEX copilot_turns_open ON public.copilot_turns USING btree (created_at) WHERE (status = 'in_progress'::text);

CREATE INDEX event_waits_key ON public.event_waits USING btree (workspace_id, key);

CREATE INDEX events_api_over ON public.events_to_be_processed USING btree (dedupe_until NULLS FIRST) WHERE (kind = 'api'::text);

CREATE INDEX events_content ON public.events_to_be_processed USING btree (content_of) WHERE (content_of IS NOT NULL);

CREATE UNIQUE INDEX events_dedupe ON public.events_to_be_processed USING btree (workspace_id, source, dedupe_key) WHERE (dedupe_until IS NOT NULL);

CREATE INDEX events_kept ON public.events_to_be_processed USING btree (received_at) WHERE (head IS NOT NULL);

CREATE INDEX events_newest ON public.events_to_be_processed USING btree (workspace_id, event_id DESC) WHERE (kind <> 'api'::text);

CREATE INDEX events_of_workflow ON public.events_to_be_processed USING btree (workflow_id, event_id DESC) WHERE (kind <> 'api'::text);

CREATE INDEX events_received ON public.events_to_be_processed USING btree (received_at) WHERE (kind <> 'api'::text);

CREATE INDEX events_waiting ON public.events_to_be_processed USING btree (workspace_id, source, event_id) WHERE (verdict = 'waiting'::text);

CREATE INDEX file_operations_expiry ON public.file_operations USING btree (expires_at);

CREATE INDEX files_expiry ON public.files USING btree (expires_at) WHERE ((state = 'ready'::text) AND (expires_at IS NOT NULL));

CREATE INDEX files_listed ON public.files USING btree (workspace_id, file_id DESC) WHERE (state = 'ready'::text);

CREATE INDEX files_removed ON public.files USING btree (swept_at NULLS FIRST) WHERE (state = 'removed'::text);

CREATE INDEX files_tags ON public.files USING gin (tags) WHERE (state = 'ready'::text);

CREATE INDEX files_uploads ON public.files USING btree (touched_at) WHERE (state = 'uploading'::text);

CREATE INDEX idempotency_keys_expires ON public.idempotency_keys USING btree (expires_at);

CREATE INDEX interim_app_credentials_connection ON public.interim_app_credentials USING btree (connection_id);

CREATE INDEX interim_app_credentials_expires ON public.interim_app_credentials USING btree (expires_at);

CREATE INDEX kept_events_key ON public.kept_events USING btree (workspace_id, key, event_id);

CREATE INDEX kept_events_until ON public.kept_events USING btree (until);

CREATE INDEX key_value_operations_created ON public.key_value_operations USING btree (created_at);

CREATE INDEX key_values_expires ON public.key_values USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE INDEX llm_bodies_kept ON public.llm_bodies USING btree (kept_until);

CREATE INDEX poll_keys_seen ON public.poll_keys USING btree (seen_at);

CREATE INDEX polls_due ON public.polls USING btree (next_at) WHERE (next_at IS NOT NULL);

CREATE INDEX polls_newest ON public.polls USING btree (workspace_id, poll_id DESC);

CREATE INDEX rate_ledger_expires ON public.rate_ledger USING btree (expires_at);

CREATE INDEX schedules_due ON public.schedules USING btree (due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX schedules_newest ON public.schedules USING btree (workspace_id, schedule_id DESC);

CREATE INDEX user_roles_workspace ON public.user_roles USING btree (workspace_id);

CREATE UNIQUE INDEX users_email ON public.users USING btree (lower(email));

CREATE INDEX workflow_email_routes_newest ON public.workflow_email_routes USING btree (workspace_id, route_id DESC);

CREATE INDEX workflow_execution_logs_order ON ONLY public.workflow_execution_logs USING btree (run_id, started_at, ordinal);

CREATE INDEX workflow_execution_logs_seq ON ONLY public.workflow_execution_logs USING btree (run_id, seq);

CREATE INDEX workflow_execution_logs_tasks ON ONLY public.workflow_execution_logs USING btree (workspace_id, started_at, run_id, path) WHERE ((status = 'waiting'::text) AND (wait_kind = 'event'::text));

CREATE INDEX workflow_execution_queue_blocked ON public.workflow_execution_queue USING btree (workflow_id, concurrency_key, seq) WHERE (state = 'blocked'::text);

CREATE INDEX workflow_execution_queue_busy ON public.workflow_execution_queue USING btree (workflow_id, seq) WHERE ((state = ANY (ARRAY['ready'::text, 'starting'::text, 'started'::text])) AND counted);

CREATE INDEX workflow_execution_queue_capped ON public.workflow_execution_queue USING btree (workflow_id, seq) WHERE (state = 'capped'::text);

CREATE INDEX workflow_execution_queue_key ON public.workflow_execution_queue USING btree (workflow_id, concurrency_key, seq) WHERE (concurrency_key IS NOT NULL);

CREATE INDEX workflow_execution_queue_lease ON public.workflow_execution_queue USING btree (lease_until) WHERE (state = 'starting'::text);

CREATE INDEX workflow_execution_queue_ready ON public.workflow_execution_queue USING btree (workspace_id, turn, seq) WHERE (state = 'ready'::text);

CREATE INDEX workflow_execution_queue_trouble ON public.workflow_execution_queue USING btree (run_id) WHERE (trouble IS NOT NULL);

CREATE INDEX workflow_execution_queue_turn ON public.workflow_execution_queue USING btree (workflow_id, turn) WHERE (state = 'ready'::text);

CREATE INDEX workflow_execution_queue_workspace ON public.workflow_execution_queue USING btree (workspace_id, run_id DESC);

CREATE INDEX workflow_listeners_kind ON public.workflow_listeners USING btree (workspace_id, kind);

CREATE INDEX workflow_mailboxes_due ON public.workflow_mailboxes USING btree (next_at) WHERE (next_at IS NOT NULL);

CREATE INDEX workflow_resumes_posted ON public.workflow_resumes USING btree (posted_at);

CREATE INDEX workflow_runs_changed ON ONLY public.workflow_runs USING btree (workspace_id, changed_xid, run_id);

CREATE INDEX workflow_runs_expires ON ONLY public.workflow_runs USING btree (expires_at) WHERE ((retention_days < 30) AND (pinned_at IS NULL));

CREATE INDEX workflow_runs_expires_late ON ONLY public.workflow_runs USING btree (expires_at) WHERE ((retention_days >= 30) AND (pinned_at IS NULL));

CREATE INDEX workflow_runs_kept_bare ON ONLY public.workflow_runs USING btree (finished_at) WHERE (log = 'none'::text);

CREATE INDEX workflow_runs_parent ON ONLY public.workflow_runs USING btree (parent_run_id) WHERE (parent_run_id IS NOT NULL);

CREATE INDEX workflow_runs_pinned ON ONLY public.workflow_runs USING btree (workspace_id, run_id DESC) WHERE (pinned_at IS NOT NULL);

CREATE INDEX workflow_runs_search ON ONLY public.workflow_runs USING gin (search);

CREATE INDEX workflow_runs_unlucky ON ONLY public.workflow_runs USING btree (workspace_id, run_id DESC) WHERE (status = ANY (ARRAY['failed'::text, 'cancelled'::text, 'timed_out'::text]));

CREATE INDEX workflow_runs_unlucky_of_workflow ON ONLY public.workflow_runs USING btree (workflow_id, run_id DESC) WHERE (status = ANY (ARRAY['failed'::text, 'cancelled'::text, 'timed_out'::text]));

CREATE INDEX workflow_runs_workflow ON ONLY public.workflow_runs USING btree (workflow_id, run_id DESC);

CREATE INDEX workflow_runs_workspace ON ONLY public.workflow_runs USING btree (workspace_id, run_id DESC);

CREATE INDEX workflow_signals_run ON public.workflow_signals USING btree (run_id);

CREATE INDEX workflows_app_queues_consumer ON public.workflows_app_queues USING btree (consumer_workflow_id) WHERE (consumer_workflow_id IS NOT NULL);

CREATE UNIQUE INDEX workflows_name ON public.workflows USING btree (workspace_id, name) WHERE (status <> 'deleted'::text);

CREATE UNIQUE INDEX workflows_versions_content ON public.workflows_versions USING btree (workflow_id, content_hash) WHERE (version > 0);

CREATE INDEX workflows_versions_workspace ON public.workflows_versions USING btree (workspace_id);

CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.api_keys FOR EACH ROW EXECUTE FUNCTION public.audit_row('api_key', '($1).api_key_id', '($1).name', 'name prefix role scopes user_id expires_at revoked_at', 'api_key_id created_at last_used_at operation', 'always');

CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.connections FOR EACH ROW EXECUTE FUNCTION public.audit_row('connection', '($1).connection_id', '($1).name', 'name app kind allowed_hosts rate_count rate_per usable_by state reason provider_id', 'connection_id secret_version token_version expires_at refresh_at lease_epoch lease_until rest_until created_at created_by updated_at', 'always');

CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.connections_providers FOR EACH ROW EXECUTE FUNCTION public.audit_row('connection_provider', '($1).provider_id', '($1).name', 'name', 'provider_id created_at created_by updated_at', 'always');

CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.copilot_approvals FOR EACH ROW EXECUTE FUNCTION public.audit_row('approval', '($1).approval_id', '($1).workflow', 'action workflow content_hash status parts reason', 'approval_id conversation_id turn_id change_set created_at decided_at decided_by result', 'always');

CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.copilot_conversations FOR EACH ROW EXECUTE FUNCTION public.audit_row('conversation', '($1).conversation_id', '($1).title', 'title workflow_id run_id', 'conversation_id asker last_seq created_at updated_at', 'always');

CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.files FOR EACH ROW EXECUTE FUNCTION public.audit_row('file', '($1).file_id', '($1).name', 'name mime_type state size sha256 tags expires_at', 'file_id piece_size created_at created_by touched_at swept_at', 'asked');

CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.interim_app_credentials FOR EACH ROW EXECUTE FUNCTION public.audit_row('consent', '($1).connection_id', '(select c.name from connections c where c.connection_id = ($1).connection_id)', 'connection_id', 'state_hash secret user_id created_at expires_at', 'asked');

CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.llm_budgets FOR EACH ROW EXECUTE FUNCTION public.audit_row('llm_budget', '($1).workspace_id', '(null::text)', 'daily_tokens daily_usd', 'updated_at', 'always');

CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.llm_prices FOR EACH ROW EXECUTE FUNCTION public.audit_row('llm_price', '($1).model', '($1).model', 'input_usd output_usd cache_read_usd cache_write_usd', 'model updated_at', 'always');

CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.schedules FOR EACH ROW EXECUTE FUNCTION public.audit_row('schedule', '($1).schedule_id', '($1).trigger_id', 'live cron every_s timezone overlap catchup_s jitter_s paused_at pause_reason', 'schedule_id workflow_id trigger_id next_at due_at last_at created_at', 'always');

CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.user_roles FOR EACH ROW EXECUTE FUNCTION public.audit_row('member', '($1).user_id', '(select u.email from users u where u.user_id = ($1).user_id)', 'user_id role', 'created_at', 'always');

CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.workflow_email_routes FOR EACH ROW EXECUTE FUNCTION public.audit_row('email_route', '($1).route_id', '($1).trigger_id', 'alias live allow_from', 'route_id workflow_id trigger_id address created_at', 'always');

CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.workflows FOR EACH ROW EXECUTE FUNCTION public.audit_row('workflow', '($1).workflow_id', '($1).name', 'name status live_version max_concurrent_runs', 'workflow_id created_at created_by updated_at deleted_at', 'always');

CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.workflows_app_queues FOR EACH ROW EXECUTE FUNCTION public.audit_row('queue', '($1).queue_id', '($1).name', 'name status flush_batch_size flush_record_max_age flush_rate_limit_max_flush_count flush_rate_limit_time_window flush_strategy ordering max_parallel_batches on_failure max_attempts dedupe_window consumer_workflow_id consumer_trigger_id', 'queue_id former_workflow_id created_at created_by updated_at', 'always');

CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.workflows_variables FOR EACH ROW EXECUTE FUNCTION public.audit_row('variable', '($1).variable_id', '($1).name', 'name secret', 'variable_id created_at updated_at updated_by', 'always');

CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.workflows_versions FOR EACH ROW EXECUTE FUNCTION public.audit_row('version', '($1).workflow_id', '(select w.name from workflows w where w.workflow_id = ($1).workflow_id)', 'version revision content_hash note', 'workflow_id document created_at created_by', 'always');

CREATE TRIGGER audited AFTER INSERT OR DELETE OR UPDATE ON public.workspaces FOR EACH ROW EXECUTE FUNCTION public.audit_row('workspace', '($1).workspace_id', '($1).slug', 'slug name plan encrypt_logs', 'created_at logs_encrypted_at', 'always');

CREATE TRIGGER workflows_cap_changed AFTER UPDATE OF max_concurrent_runs ON public.workflows FOR EACH ROW WHEN ((old.max_concurrent_runs IS DISTINCT FROM new.max_concurrent_runs)) EXECUTE FUNCTION public.workflows_cap_changed();

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.connections
    ADD CONSTRAINT connections_created_by_fkey FOREIGN KEY (created_by) REFERENCES public.users(user_id) ON DELETE SET NULL;

ALTER TABLE ONLY public.connections_providers
    ADD CONSTRAINT connections_providers_created_by_fkey FOREIGN KEY (created_by) REFERENCES public.users(user_id) ON DELETE SET NULL;

ALTER TABLE ONLY public.connections_providers
    ADD CONSTRAINT connections_providers_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.connections_uses
    ADD CONSTRAINT connections_uses_workspace_id_connection_id_fkey FOREIGN KEY (workspace_id, connection_id) REFERENCES public.connections(workspace_id, connection_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.connections_uses
    ADD CONSTRAINT connections_uses_workspace_id_workflow_id_fkey FOREIGN KEY (workspace_id, workflow_id) REFERENCES public.workflows(workspace_id, workflow_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.connections
    ADD CONSTRAINT connections_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.connections
    ADD CONSTRAINT connections_workspace_id_provider_id_fkey FOREIGN KEY (workspace_id, provider_id) REFERENCES public.connections_providers(workspace_id, provider_id);

ALTER TABLE ONLY public.copilot_approvals
    ADD CONSTRAINT copilot_approvals_turn_id_fkey FOREIGN KEY (turn_id) REFERENCES public.copilot_turns(turn_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.copilot_approvals
    ADD CONSTRAINT copilot_approvals_workspace_id_conversation_id_fkey FOREIGN KEY (workspace_id, conversation_id) REFERENCES public.copilot_conversations(workspace_id, conversation_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.copilot_conversations
    ADD CONSTRAINT copilot_conversations_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id);

ALTER TABLE ONLY public.copilot_conversations
    ADD CONSTRAINT copilot_conversations_workspace_id_workflow_id_fkey FOREIGN KEY (workspace_id, workflow_id) REFERENCES public.workflows(workspace_id, workflow_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.copilot_events
    ADD CONSTRAINT copilot_events_workspace_id_conversation_id_fkey FOREIGN KEY (workspace_id, conversation_id) REFERENCES public.copilot_conversations(workspace_id, conversation_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.copilot_llm_monitor_logs
    ADD CONSTRAINT copilot_llm_monitor_logs_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id) ON DELETE SET NULL;

ALTER TABLE ONLY public.copilot_llm_monitor_logs
    ADD CONSTRAINT copilot_llm_monitor_logs_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.copilot_messages
    ADD CONSTRAINT copilot_messages_turn_id_fkey FOREIGN KEY (turn_id) REFERENCES public.copilot_turns(turn_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.copilot_task_contexts
    ADD CONSTRAINT copilot_task_contexts_workspace_id_conversation_id_fkey FOREIGN KEY (workspace_id, conversation_id) REFERENCES public.copilot_conversations(workspace_id, conversation_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.copilot_tool_calls
    ADD CONSTRAINT copilot_tool_calls_turn_id_fkey FOREIGN KEY (turn_id) REFERENCES public.copilot_turns(turn_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.copilot_turn_steps
    ADD CONSTRAINT copilot_turn_steps_turn_id_fkey FOREIGN KEY (turn_id) REFERENCES public.copilot_turns(turn_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.copilot_turns
    ADD CONSTRAINT copilot_turns_workspace_id_conversation_id_fkey FOREIGN KEY (workspace_id, conversation_id) REFERENCES public.copilot_conversations(workspace_id, conversation_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_created_by_fkey FOREIGN KEY (created_by) REFERENCES public.users(user_id) ON DELETE SET NULL;

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.interim_app_credentials
    ADD CONSTRAINT interim_app_credentials_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id) ON DELETE SET NULL;

ALTER TABLE ONLY public.interim_app_credentials
    ADD CONSTRAINT interim_app_credentials_workspace_id_connection_id_fkey FOREIGN KEY (workspace_id, connection_id) REFERENCES public.connections(workspace_id, connection_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.interim_app_credentials
    ADD CONSTRAINT interim_app_credentials_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.key_value_operations
    ADD CONSTRAINT key_value_operations_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.key_values
    ADD CONSTRAINT key_values_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.llm_abilities
    ADD CONSTRAINT llm_abilities_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.llm_bodies
    ADD CONSTRAINT llm_bodies_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.llm_budgets
    ADD CONSTRAINT llm_budgets_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.llm_prices
    ADD CONSTRAINT llm_prices_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.poll_keys
    ADD CONSTRAINT poll_keys_poll_id_fkey FOREIGN KEY (poll_id) REFERENCES public.polls(poll_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.polls
    ADD CONSTRAINT polls_workspace_id_workflow_id_fkey FOREIGN KEY (workspace_id, workflow_id) REFERENCES public.workflows(workspace_id, workflow_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.queue_rate_limiting
    ADD CONSTRAINT queue_rate_limiting_queue_id_fkey FOREIGN KEY (queue_id) REFERENCES public.workflows_app_queues(queue_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.schedules
    ADD CONSTRAINT schedules_workspace_id_workflow_id_fkey FOREIGN KEY (workspace_id, workflow_id) REFERENCES public.workflows(workspace_id, workflow_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_roles
    ADD CONSTRAINT user_roles_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_roles
    ADD CONSTRAINT user_roles_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(workspace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.workflow_email_routes
    ADD CONSTRAINT workflow_email_routes_workspace_id_workflow_id_fkey FOREIGN KEY (workspace_id, workflow_id) REFERENCES public.workflows(workspace_id, workflow_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.workflow_listeners
    ADD CONSTRAINT workflow_listeners_workspace_id_workflow_id_fkey FOREIGN KEY (workspace_id, workflow_id) REFERENCES public.workflows(workspace_id, workflow_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.workflow_mailboxes
    ADD CONSTRAINT workflow_mailboxes_workspace_id_route_id_fkey FOREIGN KEY (workspace_id, route_id) REFERENCES public.workflow_email_routes(workspace_id, route_id) ON DELETE CASCADE;

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

ALTER TABLE public.audit ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.connections ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.connections_providers ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.connections_uses ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.copilot_approvals ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.copilot_conversations ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.copilot_events ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.copilot_llm_monitor_logs ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.copilot_messages ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.copilot_task_contexts ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.copilot_tool_calls ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.copilot_turn_steps ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.copilot_turns ENABLE ROW LEVEL SECURITY;

CREATE POLICY engine ON public.api_keys TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.app_queue TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.app_queue_batches TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.app_queue_counts TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.app_queue_dedupe TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.app_queue_keys TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.app_queue_logs TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.app_queue_operations TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.audit FOR SELECT TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.connections TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.connections_providers TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.connections_uses TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.copilot_approvals TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.copilot_conversations TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.copilot_events TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.copilot_llm_monitor_logs TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.copilot_messages TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.copilot_task_contexts TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.copilot_tool_calls TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.copilot_turn_steps TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.copilot_turns TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.event_waits TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.events_to_be_processed TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.file_operations TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.files TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.idempotency_keys TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.interim_app_credentials TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.kept_events TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.key_value_operations TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.key_values TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.llm_abilities TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.llm_bodies TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.llm_budgets TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.llm_prices TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.master_root TO ms_engine USING (true) WITH CHECK (true);

CREATE POLICY engine ON public.poll_keys TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.polls TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.queue_rate_limiting TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.rate_ledger TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.schedules TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.user_roles TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.users TO ms_engine USING (true) WITH CHECK (true);

CREATE POLICY engine ON public.workflow_email_routes TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflow_execution_logs TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflow_execution_queue TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflow_listeners TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflow_mailboxes TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflow_payloads TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflow_resumes TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflow_runs TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflow_signals TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflow_words TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflows TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflows_app_queues TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflows_documents TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflows_modules TO ms_engine USING (true) WITH CHECK (true);

CREATE POLICY engine ON public.workflows_variables TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workflows_versions TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workspace_keys TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine ON public.workspaces TO ms_engine USING ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id))) WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine_adds ON public.audit FOR INSERT TO ms_engine WITH CHECK ((workspace_id = COALESCE((NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint, workspace_id)));

CREATE POLICY engine_forgets ON public.audit FOR DELETE TO ms_engine USING ((at < (now() - '30 days'::interval)));

ALTER TABLE public.event_waits ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.events_to_be_processed ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.file_operations ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.files ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.idempotency_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.interim_app_credentials ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.kept_events ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.key_value_operations ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.key_values ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.llm_abilities ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.llm_bodies ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.llm_budgets ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.llm_prices ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.master_root ENABLE ROW LEVEL SECURITY;

CREATE POLICY owner_adds ON public.audit FOR INSERT TO ms_owner WITH CHECK (true);

CREATE POLICY owner_sees ON public.workflows FOR SELECT TO ms_owner USING (true);

ALTER TABLE public.poll_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.polls ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.queue_rate_limiting ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.rate_ledger ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.schedules ENABLE ROW LEVEL SECURITY;

CREATE POLICY search_sees ON public.workflow_runs FOR SELECT TO ms_search USING (true);

CREATE POLICY tenant ON public.api_keys TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.app_queue TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.app_queue_batches TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.app_queue_counts TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.app_queue_dedupe TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.app_queue_keys TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.app_queue_logs TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.app_queue_operations TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.audit FOR SELECT TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.connections TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.connections_providers TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.connections_uses TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.copilot_approvals TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.copilot_conversations TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.copilot_events TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.copilot_llm_monitor_logs TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.copilot_messages TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.copilot_task_contexts TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.copilot_tool_calls TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.copilot_turn_steps TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.copilot_turns TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.event_waits TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.events_to_be_processed TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.file_operations TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.files TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.idempotency_keys TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.interim_app_credentials TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.kept_events TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.key_value_operations TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.key_values TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.llm_abilities TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.llm_bodies TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.llm_budgets TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.llm_prices TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.poll_keys TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.polls TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.queue_rate_limiting TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.rate_ledger TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.schedules TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.user_roles TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.users FOR SELECT TO ms_app USING ((EXISTS ( SELECT
   FROM public.user_roles
  WHERE (user_roles.user_id = users.user_id))));

CREATE POLICY tenant ON public.workflow_email_routes TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflow_execution_logs TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflow_execution_queue TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflow_listeners TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflow_mailboxes TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflow_payloads TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflow_resumes TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflow_runs TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflow_signals TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflow_words TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflows TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflows_app_queues TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflows_documents TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflows_modules FOR SELECT TO ms_app USING (((workspace_id IS NULL) OR (workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)));

CREATE POLICY tenant ON public.workflows_variables TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workflows_versions TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workspace_keys TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.workspaces TO ms_app USING ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint)) WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

CREATE POLICY tenant_adds ON public.audit FOR INSERT TO ms_app WITH CHECK ((workspace_id = (NULLIF(current_setting('app.ws'::text, true), ''::text))::bigint));

ALTER TABLE public.user_roles ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.users ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_email_routes ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_execution_logs ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_execution_queue ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_listeners ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_mailboxes ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_payloads ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_resumes ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_runs ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_signals ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_words ENABLE ROW LEVEL SECURITY;

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

REVOKE ALL ON FUNCTION public.accept_run(header jsonb, trigger_data json, options_data json, warnings_data json, compiled_data json, words text[], refs text[], bodies bytea[], event_head json, event_raw bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.accept_run(header jsonb, trigger_data json, options_data json, warnings_data json, compiled_data json, words text[], refs text[], bodies bytea[], event_head json, event_raw bytea) TO ms_app;
GRANT ALL ON FUNCTION public.accept_run(header jsonb, trigger_data json, options_data json, warnings_data json, compiled_data json, words text[], refs text[], bodies bytea[], event_head json, event_raw bytea) TO ms_engine;

REVOKE ALL ON FUNCTION public.act_for(workspace bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.act_for(workspace bigint) TO ms_app;
GRANT ALL ON FUNCTION public.act_for(workspace bigint) TO ms_engine;

REVOKE ALL ON FUNCTION public.anyone_capped(workflow uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.anyone_capped(workflow uuid) TO ms_app;
GRANT ALL ON FUNCTION public.anyone_capped(workflow uuid) TO ms_engine;

REVOKE ALL ON FUNCTION public.app_queue_batch_bytes() FROM PUBLIC;
GRANT ALL ON FUNCTION public.app_queue_batch_bytes() TO ms_app;
GRANT ALL ON FUNCTION public.app_queue_batch_bytes() TO ms_engine;

REVOKE ALL ON FUNCTION public.audit_actor() FROM PUBLIC;
GRANT ALL ON FUNCTION public.audit_actor() TO ms_app;
GRANT ALL ON FUNCTION public.audit_actor() TO ms_engine;

REVOKE ALL ON FUNCTION public.audit_note(ws bigint, kind text, object_id text, name text, change text, before jsonb, after jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.audit_note(ws bigint, kind text, object_id text, name text, change text, before jsonb, after jsonb) TO ms_app;
GRANT ALL ON FUNCTION public.audit_note(ws bigint, kind text, object_id text, name text, change text, before jsonb, after jsonb) TO ms_engine;

REVOKE ALL ON FUNCTION public.audit_row() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.audit_table(IN tab text, IN kind text, IN id text, IN name text, IN shown text, IN silent text, IN whom text) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.audit_write(ws bigint, kind text, object_id text, name text, change text, before jsonb, after jsonb, actor jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.audit_write(ws bigint, kind text, object_id text, name text, change text, before jsonb, after jsonb, actor jsonb) TO ms_app;
GRANT ALL ON FUNCTION public.audit_write(ws bigint, kind text, object_id text, name text, change text, before jsonb, after jsonb, actor jsonb) TO ms_engine;

REVOKE ALL ON FUNCTION public.begin_flush(batch uuid, claim_epoch bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.begin_flush(batch uuid, claim_epoch bigint) TO ms_engine;

REVOKE ALL ON FUNCTION public.bind_email_route(workspace bigint, workflow uuid, trigger_name text, new_route uuid, new_address text, wanted_alias text, senders text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.bind_email_route(workspace bigint, workflow uuid, trigger_name text, new_route uuid, new_address text, wanted_alias text, senders text[]) TO ms_app;
GRANT ALL ON FUNCTION public.bind_email_route(workspace bigint, workflow uuid, trigger_name text, new_route uuid, new_address text, wanted_alias text, senders text[]) TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_batches TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_batches TO ms_engine;

REVOKE ALL ON FUNCTION public.claim_batches(queue uuid, claimer text, lease_s double precision, batch_ids uuid[], run_ids uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.claim_batches(queue uuid, claimer text, lease_s double precision, batch_ids uuid[], run_ids uuid[]) TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_execution_queue TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_execution_queue TO ms_engine;

REVOKE ALL ON FUNCTION public.claim_runs(claimer text, most integer, lease_s double precision, after bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.claim_runs(claimer text, most integer, lease_s double precision, after bigint) TO ms_engine;

REVOKE ALL ON FUNCTION public.clear_queue(queue uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.clear_queue(queue uuid) TO ms_app;
GRANT ALL ON FUNCTION public.clear_queue(queue uuid) TO ms_engine;

REVOKE ALL ON FUNCTION public.close_items_anew(queue uuid, item_ids uuid[], formers bytea[], fresh bytea[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.close_items_anew(queue uuid, item_ids uuid[], formers bytea[], fresh bytea[]) TO ms_engine;

REVOKE ALL ON FUNCTION public.drop_dead_letters(queue uuid, items uuid[], most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.drop_dead_letters(queue uuid, items uuid[], most integer) TO ms_app;
GRANT ALL ON FUNCTION public.drop_dead_letters(queue uuid, items uuid[], most integer) TO ms_engine;

REVOKE ALL ON FUNCTION public.drop_workflow_views(id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.drop_workflow_views(id uuid) TO ms_engine;

REVOKE ALL ON FUNCTION public.due_time(depth bigint, bytes bigint, since timestamp with time zone, asked boolean, batch_size integer, age_s double precision, moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.due_time(depth bigint, bytes bigint, since timestamp with time zone, asked boolean, batch_size integer, age_s double precision, moment timestamp with time zone) TO ms_app;
GRANT ALL ON FUNCTION public.due_time(depth bigint, bytes bigint, since timestamp with time zone, asked boolean, batch_size integer, age_s double precision, moment timestamp with time zone) TO ms_engine;

REVOKE ALL ON FUNCTION public.end_batch(run uuid, of_workflow uuid, end_status text, end_error json) FROM PUBLIC;
GRANT ALL ON FUNCTION public.end_batch(run uuid, of_workflow uuid, end_status text, end_error json) TO ms_app;
GRANT ALL ON FUNCTION public.end_batch(run uuid, of_workflow uuid, end_status text, end_error json) TO ms_engine;

REVOKE ALL ON FUNCTION public.enqueue_items(workspace bigint, queue uuid, operation_key text, ids uuid[], ordering_keys text[], dedupe_keys text[], delays double precision[], bodies bytea[], sizes integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.enqueue_items(workspace bigint, queue uuid, operation_key text, ids uuid[], ordering_keys text[], dedupe_keys text[], delays double precision[], bodies bytea[], sizes integer[]) TO ms_app;
GRANT ALL ON FUNCTION public.enqueue_items(workspace bigint, queue uuid, operation_key text, ids uuid[], ordering_keys text[], dedupe_keys text[], delays double precision[], bodies bytea[], sizes integer[]) TO ms_engine;

REVOKE ALL ON FUNCTION public.ensure_weeks(ahead integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ensure_weeks(ahead integer) TO ms_engine;

REVOKE ALL ON FUNCTION public.ensure_workflow_views(id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ensure_workflow_views(id uuid) TO ms_app;
GRANT ALL ON FUNCTION public.ensure_workflow_views(id uuid) TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflows_app_queues TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflows_app_queues TO ms_engine;

REVOKE ALL ON FUNCTION public.fill_lanes(q public.workflows_app_queues, lanes text[], sizes integer[], since timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.fill_lanes(q public.workflows_app_queues, lanes text[], sizes integer[], since timestamp with time zone) TO ms_app;
GRANT ALL ON FUNCTION public.fill_lanes(q public.workflows_app_queues, lanes text[], sizes integer[], since timestamp with time zone) TO ms_engine;

REVOKE ALL ON FUNCTION public.fill_room(workspace bigint, workflow uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.fill_room(workspace bigint, workflow uuid) TO ms_app;
GRANT ALL ON FUNCTION public.fill_room(workspace bigint, workflow uuid) TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_runs TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_runs TO ms_engine;

GRANT SELECT(workspace_id) ON TABLE public.workflow_runs TO ms_search;

GRANT SELECT(run_id) ON TABLE public.workflow_runs TO ms_search;

GRANT SELECT(workflow_id) ON TABLE public.workflow_runs TO ms_search;

GRANT SELECT(version) ON TABLE public.workflow_runs TO ms_search;

GRANT SELECT(status) ON TABLE public.workflow_runs TO ms_search;

GRANT SELECT(trigger_type) ON TABLE public.workflow_runs TO ms_search;

GRANT SELECT(test) ON TABLE public.workflow_runs TO ms_search;

GRANT SELECT(pinned_at) ON TABLE public.workflow_runs TO ms_search;

GRANT SELECT(search) ON TABLE public.workflow_runs TO ms_search;

REVOKE ALL ON FUNCTION public.finish_run(r public.workflow_runs, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.finish_run(r public.workflow_runs, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[]) TO ms_app;
GRANT ALL ON FUNCTION public.finish_run(r public.workflow_runs, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[]) TO ms_engine;

REVOKE ALL ON FUNCTION public.flush_queue(queue uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.flush_queue(queue uuid) TO ms_app;
GRANT ALL ON FUNCTION public.flush_queue(queue uuid) TO ms_engine;

REVOKE ALL ON FUNCTION public.flushes_until(starts timestamp with time zone[], moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.flushes_until(starts timestamp with time zone[], moment timestamp with time zone) TO ms_app;
GRANT ALL ON FUNCTION public.flushes_until(starts timestamp with time zone[], moment timestamp with time zone) TO ms_engine;

REVOKE ALL ON FUNCTION public.fold_counts(queue uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.fold_counts(queue uuid) TO ms_engine;

REVOKE ALL ON FUNCTION public.go_on_with_batch(q public.workflows_app_queues, b public.app_queue_batches, faulty boolean, moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.go_on_with_batch(q public.workflows_app_queues, b public.app_queue_batches, faulty boolean, moment timestamp with time zone) TO ms_app;
GRANT ALL ON FUNCTION public.go_on_with_batch(q public.workflows_app_queues, b public.app_queue_batches, faulty boolean, moment timestamp with time zone) TO ms_engine;

REVOKE ALL ON FUNCTION public.holds_items(queue uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.holds_items(queue uuid) TO ms_app;
GRANT ALL ON FUNCTION public.holds_items(queue uuid) TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue TO ms_engine;

REVOKE ALL ON FUNCTION public.items_before(queue uuid, are_dead boolean, before uuid, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.items_before(queue uuid, are_dead boolean, before uuid, most integer) TO ms_app;
GRANT ALL ON FUNCTION public.items_before(queue uuid, are_dead boolean, before uuid, most integer) TO ms_engine;

REVOKE ALL ON FUNCTION public.items_closed_within(queue uuid, after uuid, lowest bytea, below bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.items_closed_within(queue uuid, after uuid, lowest bytea, below bytea) TO ms_engine;

REVOKE ALL ON FUNCTION public.items_of_batch(queue uuid, of_lane text, members bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.items_of_batch(queue uuid, of_lane text, members bigint[]) TO ms_app;
GRANT ALL ON FUNCTION public.items_of_batch(queue uuid, of_lane text, members bigint[]) TO ms_engine;

REVOKE ALL ON FUNCTION public.keep_response(workspace bigint, run uuid, answer json) FROM PUBLIC;
GRANT ALL ON FUNCTION public.keep_response(workspace bigint, run uuid, answer json) TO ms_app;
GRANT ALL ON FUNCTION public.keep_response(workspace bigint, run uuid, answer json) TO ms_engine;

REVOKE ALL ON FUNCTION public.lock_cap(workflow uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lock_cap(workflow uuid) TO ms_app;
GRANT ALL ON FUNCTION public.lock_cap(workflow uuid) TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_keys TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_keys TO ms_engine;

REVOKE ALL ON FUNCTION public.lock_due_lanes(queue uuid, moment timestamp with time zone, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lock_due_lanes(queue uuid, moment timestamp with time zone, most integer) TO ms_engine;

REVOKE ALL ON FUNCTION public.lock_key(workflow uuid, key text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lock_key(workflow uuid, key text) TO ms_app;
GRANT ALL ON FUNCTION public.lock_key(workflow uuid, key text) TO ms_engine;

REVOKE ALL ON FUNCTION public.lock_queue(workspace bigint, queue uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lock_queue(workspace bigint, queue uuid) TO ms_app;
GRANT ALL ON FUNCTION public.lock_queue(workspace bigint, queue uuid) TO ms_engine;

REVOKE ALL ON FUNCTION public.mark_started(run uuid, epoch integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.mark_started(run uuid, epoch integer) TO ms_engine;

REVOKE ALL ON FUNCTION public.new_uuid7() FROM PUBLIC;
GRANT ALL ON FUNCTION public.new_uuid7() TO ms_app;
GRANT ALL ON FUNCTION public.new_uuid7() TO ms_engine;

REVOKE ALL ON FUNCTION public.next_flush(queue uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.next_flush(queue uuid) TO ms_engine;

REVOKE ALL ON FUNCTION public.next_turn(workspace bigint, workflow uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.next_turn(workspace bigint, workflow uuid) TO ms_app;
GRANT ALL ON FUNCTION public.next_turn(workspace bigint, workflow uuid) TO ms_engine;

REVOKE ALL ON FUNCTION public.note_event(workspace bigint, event jsonb, event_head json, event_raw bytea, said text, run uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.note_event(workspace bigint, event jsonb, event_head json, event_raw bytea, said text, run uuid) TO ms_app;
GRANT ALL ON FUNCTION public.note_event(workspace bigint, event jsonb, event_head json, event_raw bytea, said text, run uuid) TO ms_engine;

REVOKE ALL ON FUNCTION public.pin_run(workspace bigint, run uuid, who text, why text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.pin_run(workspace bigint, run uuid, who text, why text) TO ms_app;
GRANT ALL ON FUNCTION public.pin_run(workspace bigint, run uuid, who text, why text) TO ms_engine;

REVOKE ALL ON FUNCTION public.post_resume(workspace bigint, run uuid, step_path text, posted json) FROM PUBLIC;
GRANT ALL ON FUNCTION public.post_resume(workspace bigint, run uuid, step_path text, posted json) TO ms_app;
GRANT ALL ON FUNCTION public.post_resume(workspace bigint, run uuid, step_path text, posted json) TO ms_engine;

REVOKE ALL ON FUNCTION public.promote_delayed(q public.workflows_app_queues, moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.promote_delayed(q public.workflows_app_queues, moment timestamp with time zone) TO ms_engine;

REVOKE ALL ON PROCEDURE public.protect_tenant_table(IN name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.reckon_due_times(queue uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.reckon_due_times(queue uuid) TO ms_app;
GRANT ALL ON FUNCTION public.reckon_due_times(queue uuid) TO ms_engine;

REVOKE ALL ON FUNCTION public.record_steps(workspace bigint, run uuid, paths text[], attempts integer[], steps text[], modules text[], iterations integer[], statuses text[], starts timestamp with time zone[], ends timestamp with time zone[], inputs text[], outputs text[], errors text[], handles text[], step_logs text[], wait_kinds text[], wait_reasons text[], wait_untils timestamp with time zone[], resume_urls text[], child_run_ids uuid[], mocks text[], keys text[], retry_ats timestamp with time zone[], refs text[], media_types text[], bodies bytea[], waiting boolean, began_at timestamp with time zone, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[], step_words text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.record_steps(workspace bigint, run uuid, paths text[], attempts integer[], steps text[], modules text[], iterations integer[], statuses text[], starts timestamp with time zone[], ends timestamp with time zone[], inputs text[], outputs text[], errors text[], handles text[], step_logs text[], wait_kinds text[], wait_reasons text[], wait_untils timestamp with time zone[], resume_urls text[], child_run_ids uuid[], mocks text[], keys text[], retry_ats timestamp with time zone[], refs text[], media_types text[], bodies bytea[], waiting boolean, began_at timestamp with time zone, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[], step_words text[]) TO ms_app;
GRANT ALL ON FUNCTION public.record_steps(workspace bigint, run uuid, paths text[], attempts integer[], steps text[], modules text[], iterations integer[], statuses text[], starts timestamp with time zone[], ends timestamp with time zone[], inputs text[], outputs text[], errors text[], handles text[], step_logs text[], wait_kinds text[], wait_reasons text[], wait_untils timestamp with time zone[], resume_urls text[], child_run_ids uuid[], mocks text[], keys text[], retry_ats timestamp with time zone[], refs text[], media_types text[], bodies bytea[], waiting boolean, began_at timestamp with time zone, end_status text, end_output json, end_error json, end_warnings json, end_at timestamp with time zone, words text[], step_words text[]) TO ms_engine;

REVOKE ALL ON FUNCTION public.release_lane(q public.workflows_app_queues, of_lane text, moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.release_lane(q public.workflows_app_queues, of_lane text, moment timestamp with time zone) TO ms_app;
GRANT ALL ON FUNCTION public.release_lane(q public.workflows_app_queues, of_lane text, moment timestamp with time zone) TO ms_engine;

REVOKE ALL ON FUNCTION public.repair_queue() FROM PUBLIC;
GRANT ALL ON FUNCTION public.repair_queue() TO ms_engine;

REVOKE ALL ON FUNCTION public.replay_dead_letters(queue uuid, items uuid[], most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.replay_dead_letters(queue uuid, items uuid[], most integer) TO ms_app;
GRANT ALL ON FUNCTION public.replay_dead_letters(queue uuid, items uuid[], most integer) TO ms_engine;

REVOKE ALL ON FUNCTION public.request_cancel(workspace bigint, run uuid, reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.request_cancel(workspace bigint, run uuid, reason text) TO ms_app;
GRANT ALL ON FUNCTION public.request_cancel(workspace bigint, run uuid, reason text) TO ms_engine;

REVOKE ALL ON FUNCTION public.room_under_cap(workflow uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.room_under_cap(workflow uuid) TO ms_app;
GRANT ALL ON FUNCTION public.room_under_cap(workflow uuid) TO ms_engine;

REVOKE ALL ON FUNCTION public.schedule_goes_on(run public.workflow_runs) FROM PUBLIC;
GRANT ALL ON FUNCTION public.schedule_goes_on(run public.workflow_runs) TO ms_app;
GRANT ALL ON FUNCTION public.schedule_goes_on(run public.workflow_runs) TO ms_engine;

REVOKE ALL ON FUNCTION public.search_runs(words text[], of_workflow uuid, of_statuses text[], of_version integer, of_trigger text, of_test boolean, of_pinned boolean, lowest uuid, below uuid, most integer, oldest_first boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.search_runs(words text[], of_workflow uuid, of_statuses text[], of_version integer, of_trigger text, of_test boolean, of_pinned boolean, lowest uuid, below uuid, most integer, oldest_first boolean) TO ms_app;
GRANT ALL ON FUNCTION public.search_runs(words text[], of_workflow uuid, of_statuses text[], of_version integer, of_trigger text, of_test boolean, of_pinned boolean, lowest uuid, below uuid, most integer, oldest_first boolean) TO ms_engine;

REVOKE ALL ON FUNCTION public.send_run(run uuid, epoch integer, lease_s double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION public.send_run(run uuid, epoch integer, lease_s double precision) TO ms_engine;

REVOKE ALL ON FUNCTION public.set_queue_status(queue uuid, wanted text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.set_queue_status(queue uuid, wanted text) TO ms_app;
GRANT ALL ON FUNCTION public.set_queue_status(queue uuid, wanted text) TO ms_engine;

REVOKE ALL ON FUNCTION public.take_start(workspace bigint, of_key text, count integer, per_s double precision, reserve boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.take_start(workspace bigint, of_key text, count integer, per_s double precision, reserve boolean) TO ms_app;
GRANT ALL ON FUNCTION public.take_start(workspace bigint, of_key text, count integer, per_s double precision, reserve boolean) TO ms_engine;

REVOKE ALL ON FUNCTION public.tell_end(run public.workflow_runs, end_status text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.tell_end(run public.workflow_runs, end_status text) TO ms_app;
GRANT ALL ON FUNCTION public.tell_end(run public.workflow_runs, end_status text) TO ms_engine;

REVOKE ALL ON FUNCTION public.use_queue(queue uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.use_queue(queue uuid) TO ms_app;
GRANT ALL ON FUNCTION public.use_queue(queue uuid) TO ms_engine;

REVOKE ALL ON FUNCTION public.wait_for_lane(queue uuid, moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.wait_for_lane(queue uuid, moment timestamp with time zone) TO ms_engine;

REVOKE ALL ON FUNCTION public.workflows_cap_changed() FROM PUBLIC;
GRANT ALL ON FUNCTION public.workflows_cap_changed() TO ms_app;
GRANT ALL ON FUNCTION public.workflows_cap_changed() TO ms_engine;

GRANT SELECT ON TABLE public.access_rights TO ms_app;
GRANT SELECT ON TABLE public.access_rights TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.api_keys TO ms_engine;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.api_keys TO ms_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_counts TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_counts TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_dedupe TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_dedupe TO ms_engine;

GRANT SELECT,USAGE ON SEQUENCE public.app_queue_epoch TO ms_app;
GRANT SELECT,USAGE ON SEQUENCE public.app_queue_epoch TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_logs TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_logs TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_operations TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.app_queue_operations TO ms_engine;

GRANT SELECT,USAGE ON SEQUENCE public.app_queue_seq TO ms_app;
GRANT SELECT,USAGE ON SEQUENCE public.app_queue_seq TO ms_engine;

GRANT SELECT,INSERT ON TABLE public.audit TO ms_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.audit TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.connections TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.connections TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.connections_providers TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.connections_providers TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.connections_uses TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.connections_uses TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.copilot_approvals TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.copilot_approvals TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.copilot_conversations TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.copilot_conversations TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.copilot_events TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.copilot_events TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.copilot_llm_monitor_logs TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.copilot_llm_monitor_logs TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.copilot_messages TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.copilot_messages TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.copilot_task_contexts TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.copilot_task_contexts TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.copilot_tool_calls TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.copilot_tool_calls TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.copilot_turn_steps TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.copilot_turn_steps TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.copilot_turns TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.copilot_turns TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.event_waits TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.event_waits TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.events_to_be_processed TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.events_to_be_processed TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.file_operations TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.file_operations TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.files TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.files TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency_keys TO ms_engine;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency_keys TO ms_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.interim_app_credentials TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.interim_app_credentials TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.kept_events TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.kept_events TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.key_value_operations TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.key_value_operations TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.key_values TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.key_values TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.llm_abilities TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.llm_abilities TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.llm_bodies TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.llm_bodies TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.llm_budgets TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.llm_budgets TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.llm_prices TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.llm_prices TO ms_engine;

GRANT SELECT,INSERT,UPDATE ON TABLE public.master_root TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.poll_keys TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.poll_keys TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.polls TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.polls TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.queue_rate_limiting TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.queue_rate_limiting TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rate_ledger TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rate_ledger TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflows TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflows TO ms_engine;

GRANT SELECT ON TABLE public.run_headers TO ms_app;
GRANT SELECT ON TABLE public.run_headers TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.schedules TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.schedules TO ms_engine;

GRANT SELECT ON TABLE public.schema_migrations TO ms_app;
GRANT SELECT ON TABLE public.schema_migrations TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.user_roles TO ms_engine;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.user_roles TO ms_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.users TO ms_engine;
GRANT SELECT ON TABLE public.users TO ms_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_email_routes TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_email_routes TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_execution_logs TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_execution_logs TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_listeners TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_listeners TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_mailboxes TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_mailboxes TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_payloads TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_payloads TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_resumes TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_resumes TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_signals TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_signals TO ms_engine;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_words TO ms_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.workflow_words TO ms_engine;

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
