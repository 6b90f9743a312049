-- Items added to queues, and batches claimed. States, invariants and the order of locks stand at the head of the tables.
--
-- All times come from present(), so that a test can set the clock.
--
-- What reads items reads them by an index, whatever the planner thinks: a queue may grow from nothing to a million items within a minute, and a
-- plan that was made while it was empty, when a scan of the table was cheapest, would be used until somebody counts the rows anew.

-- Bytes of items after which a batch is full: what a run may be started with, less what stands around each item.
create function app_queue_batch_bytes() returns bigint language sql immutable parallel safe return 16 * 1024 * 1024;

-- When a batch of a lane that waits is due.
create function due_time(
    depth bigint, bytes bigint, since timestamptz, asked boolean, batch_size integer, age_s double precision, moment timestamptz
) returns timestamptz
language sql immutable parallel safe
return case
    when depth = 0 then null
    when coalesce(asked, false) or depth >= batch_size or bytes >= app_queue_batch_bytes() then moment
    else since + make_interval(secs => age_s)
end;

-- Held by whoever adds to a queue, or takes from it, until the commit: the queue can't be deleted and its settings can't change meanwhile. Not
-- the row's own lock: many at once would each have to write down all the others.
create function use_queue(queue uuid) returns workflows_app_queues
language plpgsql as $$
declare
    q workflows_app_queues;
begin
    perform pg_advisory_xact_lock_shared(hashtextextended(queue::text, 3));
    select * into q from workflows_app_queues s where s.queue_id = queue;
    return q;
end
$$;

-- Held alone, by whoever changes the settings or deletes the queue. Null: there is no such queue.
create function lock_queue(workspace bigint, queue uuid) returns uuid
language plpgsql as $$
begin
    perform from queue_rate_limiting l where l.queue_id = queue and l.workspace_id = workspace for update;
    if not found then
        return null;
    end if;
    perform pg_advisory_xact_lock(hashtextextended(queue::text, 3));
    return (select s.queue_id from workflows_app_queues s where s.queue_id = queue and s.workspace_id = workspace);
end
$$;

-- Counts in what waits in lanes from now on (sizes beside lanes), and holds these lanes until the commit, taken in the order of their names.
-- since: when it began to wait; null: now. Gives when the first of the lanes that may be claimed is due.
create function fill_lanes(q workflows_app_queues, lanes text[], sizes integer[], since timestamptz) returns timestamptz
language sql as $$
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

-- A history of flushes as the clock sees it now. One that lies in the future happened before the clock was set back: it holds nobody up for longer
-- than one from now.
create function flushes_until(starts timestamptz[], moment timestamptz) returns timestamptz[]
language sql immutable parallel safe
return case
    when starts[cardinality(starts)] > moment
        then (select array_agg(least(g.at, moment) order by g.n) from unnest(starts) with ordinality as g (at, n))
    else starts
end;

-- Adds items to a queue, all or none, in the order given within each lane.
-- operation_key: of the step that asks; the same one again changes nothing and gives the first answer. Null: there is none.
-- outcome: accepted · repeated · queue_missing · delay_with_keys. wake_at: when the next batch may be due.
create function enqueue_items(
    workspace bigint, queue uuid, operation_key text, ids uuid[], ordering_keys text[], dedupe_keys text[],
    delays double precision[], bodies bytea[], sizes integer[]
) returns table (outcome text, accepted integer, duplicates integer, accepted_ids uuid[], wake_at timestamptz)
language plpgsql as $$
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

-- Lets delayed items whose time has come wait like the others, in the order of their times; those of one time as they were added. Their lane is the
-- queue's only one. Somebody who adds to it holds it until he commits: he is waited for, but not for long, and the next claim sees to it then.
create function promote_delayed(q workflows_app_queues, moment timestamptz) returns void
language plpgsql set lock_timeout = '2s' as $$
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

-- The first lane that is due, when all that are due are held by those who add to them: a lane that is always added to must be got in turn.
create function wait_for_lane(queue uuid, moment timestamptz) returns setof app_queue_keys
language plpgsql set lock_timeout = '2s' as $$
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

-- Lanes that are due longest, held until the commit.
create function lock_due_lanes(queue uuid, moment timestamptz, most integer) returns setof app_queue_keys
language plpgsql as $$
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

-- Claims up to as many batches of one queue as ids are given: first those whose claimer was lost, then those that are tried again, then new
-- ones of the lanes that are due longest. Nothing comes back for a queue that stands still.
create function claim_batches(queue uuid, claimer text, lease_s double precision, batch_ids uuid[], run_ids uuid[])
returns setof app_queue_batches
language plpgsql set enable_seqscan = off as $$
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

-- The claimed batch's run begins to exist, in the same transaction. False: the claim is not the last one any more, or its workflow doesn't take
-- the items any more.
create function begin_flush(batch uuid, claim_epoch bigint) returns boolean
language plpgsql as $$
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

revoke all on function app_queue_batch_bytes, due_time, use_queue, lock_queue, fill_lanes, flushes_until, enqueue_items,
    promote_delayed, wait_for_lane, lock_due_lanes, claim_batches, begin_flush from public;
grant execute on function app_queue_batch_bytes, due_time, use_queue, lock_queue, fill_lanes, flushes_until, enqueue_items to
    ms_app, ms_engine;
grant execute on function promote_delayed, wait_for_lane, lock_due_lanes, claim_batches, begin_flush to ms_engine;
