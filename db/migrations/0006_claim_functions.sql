-- From the queue to an execution: who may start which run, and the search over runs.

-- Claims up to `most` runs for `claimer`. Fair: workspaces take turns, beginning with the one that comes after `after`, and inside of each runs go by
-- their turn. What is ready may go, so a claim costs what it gives, whatever waits behind. Expired leases are claimed again, first.
create function claim_runs(claimer text, most integer, lease_s double precision, after bigint) returns setof workflow_execution_queue
language plpgsql as $$
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

-- The claim's start goes out now: it gets a fresh lease, and from here on an execution may exist. done · refused (it is another's claim) · ended
create function send_run(run uuid, epoch integer, lease_s double precision) returns text
language plpgsql as $$
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

-- The claim's execution is known to Temporal. done · refused (it is another's claim) · ended
create function mark_started(run uuid, epoch integer) returns text
language plpgsql as $$
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

-- Lets go whose key or cap is free though they stand behind it; gives one run of each. A repair: it finds none unless something outside
-- meddled with the rows.
create function repair_queue() returns setof uuid
language plpgsql as $$
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

revoke all on function claim_runs, send_run, mark_started, repair_queue from public;
grant execute on function claim_runs, send_run, mark_started, repair_queue to ms_engine;

-- Search. Under row-level security no text index is used, since its operators could leak what they compare; this function
-- belongs to a role whose policy shows all rows, asks for the workspace by itself, and gives ids only, which the caller
-- reads through its own policies. Each run's words hold its workspace, so the index alone finds the tenant's own.
create policy search_sees on workflow_runs for select to ms_search using (true);
grant select (workspace_id, run_id, workflow_id, version, status, trigger_type, test, pinned_at, search) on workflow_runs to ms_search;
grant create on schema public to ms_search;
set local role ms_search;
create function search_runs(
    words text[], of_workflow uuid, of_statuses text[], of_version integer, of_trigger text, of_test boolean,
    of_pinned boolean, lowest uuid, below uuid, most integer, oldest_first boolean
) returns setof uuid
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp as $$
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
$$;
revoke all on function search_runs from public;
grant execute on function search_runs to ms_app, ms_engine;
set local role ms_owner;
revoke create on schema public from ms_search;

-- A run as people see it: its header with the workflow's name, and what a run that hasn't begun waits for:
-- key (an earlier run of its key: queued_behind), cap (the workflow's other runs: open_runs of them), start (nothing but its turn).
create view run_headers with (security_invoker) as
select r.workspace_id, r.run_id, r.workflow_id, w.name as workflow, r.version, r.status, r.carrier, r.trigger_type,
    r.trigger_id, r.trigger, r.output, r.error, r.warnings, r.test, r.options, r.replay_of, r.parent_run_id,
    r.parent_path, r.depth, r.origin, r.reply_until, r.response, r.concurrency_key, r.log, r.retention_days,
    r.queued_at, r.started_at, r.finished_at, r.cancel_requested_at, r.cancel_reason, r.expires_at, r.event_seq,
    r.status_seq, r.changed_xid, r.compiled_hash, r.pinned_at, r.pinned_by, r.pinned_reason,
    case
        when q.state = 'blocked' then 'key'
        when q.state = 'capped' then 'cap'
        when q.state in ('ready', 'starting') then 'start'
    end as queued_for,
    case when q.state = 'blocked' then (
        select o.run_id from workflow_execution_queue o
        where o.workflow_id = q.workflow_id and o.concurrency_key = q.concurrency_key
        order by o.seq
        limit 1
    ) end as queued_behind,
    case when q.state = 'capped' then w.max_concurrent_runs end as cap,
    case when q.state = 'capped' then (
        select count(*) from workflow_execution_queue o
        where o.workflow_id = q.workflow_id and o.state in ('ready', 'starting', 'started') and o.counted
    ) end as open_runs,
    q.attempts as start_attempts,
    q.trouble
from workflow_runs r
join workflows w on w.workflow_id = r.workflow_id
left join workflow_execution_queue q on q.run_id = r.run_id;
grant select on run_headers to ms_app, ms_engine;
