-- From the queue to an execution: who may start which run, and the search over runs.

-- Claims up to `most` ready rows of one workflow, oldest first. counts: only rows that (don't) count under the cap; null: all.
create function claim_of_workflow(workflow uuid, counts boolean, most integer, claimer text, lease_s double precision)
returns setof workflow_execution_queue
language sql volatile as $$
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

-- Claims up to `most` runs for `claimer`. Fair: each workspace's oldest waiting workflow comes first, then each one's second,
-- and a workflow gets its even share before any gets more. Runs of one key never meet, since only the first of a key is
-- ready. Expired leases are claimed again.
create function claim_runs(claimer text, most integer, lease_s double precision) returns setof workflow_execution_queue
language plpgsql as $$
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

-- Claims this run if the same rules allow it now; under a cap, only when no earlier run waits.
create function claim_run(run uuid, claimer text, lease_s double precision) returns setof workflow_execution_queue
language plpgsql as $$
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

revoke all on function claim_of_workflow, claim_runs, claim_run from public;
grant execute on function claim_of_workflow, claim_runs, claim_run to ms_engine;

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
-- key (an earlier run of its key), cap (the workflow's other runs), start (nothing but its turn).
create view run_headers with (security_invoker) as
select r.workspace_id, r.run_id, r.workflow_id, w.name as workflow, r.version, r.status, r.carrier, r.trigger_type,
    r.trigger_id, r.trigger, r.output, r.error, r.warnings, r.test, r.options, r.replay_of, r.parent_run_id,
    r.parent_path, r.depth, r.origin, r.reply_until, r.response, r.concurrency_key, r.log, r.retention_days,
    r.queued_at, r.started_at, r.finished_at, r.cancel_requested_at, r.cancel_reason, r.expires_at, r.event_seq,
    r.status_seq, r.changed_xid, r.compiled_hash, r.pinned_at, r.pinned_by, r.pinned_reason,
    case
        when q.state = 'blocked' then 'key'
        when q.state = 'ready' and q.counted and w.max_concurrent_runs <= (
            select count(*) from workflow_execution_queue o
            where o.workflow_id = q.workflow_id and o.state in ('starting', 'started') and o.counted
        ) then 'cap'
        when q.state in ('ready', 'starting') then 'start'
    end as queued_for
from workflow_runs r
join workflows w on w.workflow_id = r.workflow_id
left join workflow_execution_queue q on q.run_id = r.run_id;
grant select on run_headers to ms_app, ms_engine;
