-- What happens to queues, each in one call. States, invariants and the order of locks stand at the head of the tables.
--
-- All times come from present(), so that a test can set the clock.

-- Bytes of items after which a batch is full: what a run may be started with, less what stands around each item.
create function app_queue_batch_bytes() returns bigint language sql immutable parallel safe return 16 * 1024 * 1024;

-- When a batch of a lane that waits is due.
create function due_time(
    depth bigint, bytes bigint, since timestamptz, asked boolean, batch_size integer, age_s double precision, moment timestamptz
) returns timestamptz
language sql immutable parallel safe
return case
    when depth = 0 then null
    when asked or depth >= batch_size or bytes >= app_queue_batch_bytes() then moment
    else since + make_interval(secs => age_s)
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
    -- Shared with all who add, closed to whoever deletes the queue.
    select * into q from workflows_app_queues s where s.queue_id = queue and s.workspace_id = workspace for key share;
    if not found then
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
        insert into app_queue_operations (workspace_id, operation) values (workspace, operation_key) on conflict do nothing;
        if not found then
            select o.accepted, o.duplicates into accepted, duplicates from app_queue_operations o
            where o.workspace_id = workspace and o.operation = operation_key;
            outcome := 'repeated';
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

    -- Lanes are locked in the order of their names. The clock is read for each, so after waiting for it.
    with given as (
        select case when q.ordering = 'key' then coalesce(ordering_keys[g.n], '') else '' end as lane, sizes[g.n] as size
        from unnest(kept) as g (n) where coalesce(delays[g.n], 0) <= 0
    ), summed as (
        select g.lane, count(*) as n, sum(g.size) as bytes from given g group by g.lane order by g.lane
    ), told as (
        insert into app_queue_keys as k (workspace_id, queue_id, lane, depth, bytes, oldest_at, due_at)
        select workspace, queue, s.lane, s.n, s.bytes, present(),
            due_time(s.n, s.bytes::bigint, present(), false, q.flush_batch_size, q.flush_record_max_age, present())
        from summed s
        on conflict (queue_id, lane) do update set
            depth = k.depth + excluded.depth, bytes = k.bytes + excluded.bytes,
            oldest_at = coalesce(k.oldest_at, excluded.oldest_at),
            due_at = case
                when k.state <> 'ready' then k.due_at
                else least(k.due_at, excluded.due_at, due_time(k.depth + excluded.depth, k.bytes + excluded.bytes,
                    excluded.oldest_at, false, q.flush_batch_size, q.flush_record_max_age, excluded.oldest_at))
            end
        returning case when k.state = 'ready' then k.due_at end as due_at
    )
    select min(t.due_at) into wake_at from told t;

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

-- Lets delayed items whose time has come wait like the others, in the order of their times. Their lane is the queue's only one.
create function promote_delayed(q workflows_app_queues, moment timestamptz) returns void
language plpgsql as $$
declare
    one record;
    n integer := 0;
    total bigint := 0;
begin
    if not exists (
        select from app_queue i where i.queue_id = q.queue_id and i.state = 'delayed' and i.available_at <= moment
    ) then
        return;
    end if;
    insert into app_queue_keys (workspace_id, queue_id, lane) values (q.workspace_id, q.queue_id, '') on conflict do nothing;
    -- Somebody adds to it now: the next claim sees to it.
    perform from app_queue_keys k where k.queue_id = q.queue_id and k.lane = '' for update skip locked;
    if not found then
        return;
    end if;
    for one in
        select i.item_id, i.size from app_queue i
        where i.queue_id = q.queue_id and i.state = 'delayed' and i.available_at <= moment
        order by i.available_at, i.item_id
        limit 1000
    loop
        update app_queue i set state = 'waiting', seq = nextval('app_queue_seq')
        where i.queue_id = q.queue_id and i.item_id = one.item_id;
        n := n + 1;
        total := total + one.size;
    end loop;
    update app_queue_keys k set
        depth = k.depth + n, bytes = k.bytes + total, oldest_at = coalesce(k.oldest_at, moment),
        due_at = case when k.state <> 'ready' then k.due_at else least(k.due_at, due_time(k.depth + n, k.bytes + total, moment,
            false, q.flush_batch_size, q.flush_record_max_age, moment)) end
    where k.queue_id = q.queue_id and k.lane = '';
    insert into app_queue_counts (workspace_id, queue_id, depth, delayed) values (q.workspace_id, q.queue_id, n, -n);
end
$$;

-- Claims up to as many batches of one queue as ids are given: first those whose claimer was lost, then those that are tried again, then new
-- ones of the lanes that are due longest. Nothing comes back for a queue that stands still.
create function claim_batches(queue uuid, claimer text, lease_s double precision, batch_ids uuid[], run_ids uuid[])
returns setof app_queue_batches
language plpgsql as $$
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
    select s.* into q from workflows_app_queues s
    join workflows w on w.workflow_id = s.consumer_workflow_id and w.status = 'active' and w.live_version is not null
    where s.queue_id = queue and s.status = 'running';
    if not found then
        return;
    end if;
    moment := present();
    for b in
        update app_queue_batches u set
            epoch = nextval('app_queue_epoch'), holder = claimer, lease_until = moment + make_interval(secs => lease_s),
            workflow_id = q.consumer_workflow_id
        where u.batch_id in (
            select c.batch_id from app_queue_batches c
            where c.queue_id = queue and c.state = 'claimed' and c.lease_until < moment
            order by c.lease_until
            limit most
            for update skip locked)
        returning u.*
    loop
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
        order by c.not_before
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
        select * from app_queue_keys r
        where r.queue_id = queue and r.state = 'ready' and r.due_at <= moment
        order by r.due_at, r.lane
        limit greatest(0, least(room, most) - used)
        for update skip locked
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
            state = 'held', depth = greatest(0, r.depth - cardinality(picked)), bytes = greatest(0, r.bytes - total),
            due_at = null
        where r.queue_id = queue and r.lane = k.lane;
        moved := moved + cardinality(picked);
        return next b;
    end loop;

    if used > 0 then
        update queue_rate_limiting l set starts = past where l.queue_id = queue;
    end if;
    if moved > 0 then
        insert into app_queue_counts (workspace_id, queue_id, depth, in_flight) values (q.workspace_id, queue, -moved, moved);
    end if;
end
$$;

-- The claimed batch's run begins to exist, in the same transaction. False: the claim is not the last one any more.
create function begin_flush(batch uuid, claim_epoch bigint) returns boolean
language plpgsql as $$
declare
    b app_queue_batches;
begin
    update app_queue_batches u set state = 'running', lease_until = null, holder = null
    where u.batch_id = batch and u.epoch = claim_epoch and u.state = 'claimed'
    returning * into b;
    if not found then
        return false;
    end if;
    insert into app_queue_logs (
        workspace_id, queue_id, run_id, batch_id, workflow_id, attempt, ordering_key, items, reason, flushed_at)
    select b.workspace_id, b.queue_id, b.run_id, b.batch_id, b.workflow_id, b.attempt,
        case when q.ordering = 'key' then nullif(b.lane, '') end, cardinality(b.members),
        case when b.attempt > 1 then 'retry' when b.cuts is not null then 'bisect' else b.reason end, b.claimed_at
    from workflows_app_queues q where q.queue_id = b.queue_id;
    return true;
end
$$;

-- The lane's batch is done and gone: what waits may be claimed when it is due; a lane without items goes.
create function release_lane(q workflows_app_queues, of_lane text, moment timestamptz) returns void
language plpgsql as $$
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

-- The part of a halved batch that comes next, to be claimed at once; without one the batch goes. faulty: this part failed.
create function go_on_with_batch(q workflows_app_queues, b app_queue_batches, faulty boolean, moment timestamptz) returns void
language plpgsql as $$
declare
    size integer := b.cuts[1];
    part bigint[];
    left_over bigint[];
    lengths integer[];
    half integer;
begin
    if coalesce(cardinality(b.cuts), 0) = 0 then
        delete from app_queue_batches d where d.batch_id = b.batch_id;
        perform release_lane(q, b.lane, moment);
        return;
    end if;
    part := b.rest[1:abs(size)];
    left_over := b.rest[abs(size) + 1:];
    lengths := b.cuts[2:];
    if size < -1 and not faulty then
        -- Its twin was sound, so the fault is here: it isn't tried as a whole.
        half := (cardinality(part) + 1) / 2;
        left_over := part[half + 1:] || left_over;
        lengths := array[half - cardinality(part)] || lengths;
        part := part[1:half];
    end if;
    update app_queue_batches u set
        batch_id = gen_random_uuid(), state = 'resting', not_before = moment, attempt = 1, error = null, members = part,
        rest = coalesce(left_over, '{}'), cuts = coalesce(lengths, '{}')
    where u.batch_id = b.batch_id;
end
$$;

-- A run that was started by a queue has ended: what becomes of its batch, in the transaction of its end.
create function end_batch(run uuid, of_workflow uuid, end_status text, end_error json) returns void
language plpgsql as $$
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
    select * into q from workflows_app_queues s where s.queue_id = b.queue_id;
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
        if b.cuts is null and b.attempt < q.max_attempts then
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
                    cuts = array[half - n] || case when b.cuts[1] < 0 then array[-b.cuts[1]] || b.cuts[2:]
                        else coalesce(b.cuts, '{}') end
                where u.batch_id = b.batch_id;
        end case;
    end if;
    update app_queue_logs l set status = end_status, fate = became, error = end_error, finished_at = moment
    where l.queue_id = b.queue_id and l.run_id = run and l.status = 'running';
end
$$;

-- When the next claim of a queue may find something; null while nothing is to be expected.
create function next_flush(queue uuid) returns timestamptz
language plpgsql stable as $$
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
                select rate_next(l.starts, q.flush_rate_limit_max_flush_count, q.flush_rate_limit_time_window, present())
                from queue_rate_limiting l where l.queue_id = queue));
        end if;
    else
        next_one := null;
    end if;
    return least(lost, next_one);
end
$$;

-- Asks for a flush of all that waits now. Gives how many lanes it reaches.
create function flush_queue(queue uuid) returns integer
language plpgsql as $$
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

-- Lets a queue stand still, or go on: what was blocked is then tried again with all its attempts. No claim comes after a pause.
create function set_queue_status(queue uuid, wanted text) returns integer
language plpgsql as $$
declare
    freed integer := 0;
    one record;
    n integer;
begin
    perform from queue_rate_limiting l where l.queue_id = queue for update;
    update workflows_app_queues s set status = wanted, updated_at = now() where s.queue_id = queue and s.status <> wanted;
    if wanted = 'running' then
        for one in
            select k.lane from app_queue_keys k where k.queue_id = queue and k.state = 'blocked' order by k.lane for update
        loop
            update app_queue_batches u set state = 'resting', not_before = present(), attempt = 1
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

-- New settings take effect on what waits already.
create function reckon_due_times(queue uuid) returns void
language sql as $$
    with lanes as (
        select k.lane from app_queue_keys k where k.queue_id = queue and k.state = 'ready' order by k.lane for update
    )
    update app_queue_keys k set due_at = due_time(k.depth, k.bytes, k.oldest_at, k.due_at <= present(), q.flush_batch_size,
        q.flush_record_max_age, present())
    from lanes, workflows_app_queues q
    where k.queue_id = queue and k.lane = lanes.lane and q.queue_id = queue
$$;

-- Takes all items away that no run has: those that wait, are delayed, rest between attempts, or are blocked. Gives how many.
create function clear_queue(queue uuid) returns bigint
language plpgsql as $$
declare
    gone bigint;
    resting bigint;
    late bigint;
    busy bigint[];
    owner bigint;
begin
    perform from queue_rate_limiting l where l.queue_id = queue for update;
    select s.workspace_id into owner from workflows_app_queues s where s.queue_id = queue;
    perform from app_queue_keys k where k.queue_id = queue order by k.lane for update;
    with dropped as (
        delete from app_queue_batches d where d.queue_id = queue and d.state in ('resting', 'blocked')
        returning d.state, cardinality(d.members) + coalesce(cardinality(d.rest), 0) as n
    )
    select coalesce(sum(d.n) filter (where d.state = 'resting'), 0) into resting from dropped d;
    select coalesce(array_agg(m.seq), '{}') into busy
    from app_queue_batches b cross join unnest(b.members || coalesce(b.rest, '{}')) as m (seq) where b.queue_id = queue;
    with dropped as (
        delete from app_queue i where i.queue_id = queue and i.state in ('waiting', 'delayed')
            and not (i.seq = any (busy))
        returning i.state
    )
    select count(*), count(*) filter (where d.state = 'delayed') into gone, late from dropped d;
    delete from app_queue_keys k where k.queue_id = queue
        and not exists (select from app_queue_batches b where b.queue_id = queue and b.lane = k.lane);
    update app_queue_keys k set depth = 0, bytes = 0 where k.queue_id = queue;
    insert into app_queue_counts (workspace_id, queue_id, depth, in_flight, delayed)
    values (owner, queue, -(gone - late - resting), -resting, -late);
    return gone;
end
$$;

-- Puts dead letters back at the end of their lanes; items null: up to `most` of all. Gives how many.
create function replay_dead_letters(queue uuid, items uuid[], most integer) returns integer
language plpgsql as $$
declare
    q workflows_app_queues;
    chosen uuid[];
    one record;
    moment timestamptz;
begin
    select * into q from workflows_app_queues s where s.queue_id = queue for key share;
    select array_agg(d.item_id) into chosen from (
        select i.item_id from app_queue i
        where i.queue_id = queue and i.state = 'dead' and (items is null or i.item_id = any (items))
        order by i.item_id desc
        limit most
        for update skip locked
    ) as d;
    if chosen is null then
        return 0;
    end if;
    insert into app_queue_keys as k (workspace_id, queue_id, lane, depth, bytes, oldest_at, due_at)
    select q.workspace_id, queue, g.lane, g.n, g.bytes, present(),
        due_time(g.n, g.bytes, present(), false, q.flush_batch_size, q.flush_record_max_age, present())
    from (
        select i.lane, count(*)::integer as n, sum(i.size)::bigint as bytes from app_queue i
        where i.queue_id = queue and i.item_id = any (chosen)
        group by i.lane
        order by i.lane
    ) as g
    on conflict (queue_id, lane) do update set
        depth = k.depth + excluded.depth, bytes = k.bytes + excluded.bytes,
        oldest_at = coalesce(k.oldest_at, excluded.oldest_at),
        due_at = case when k.state <> 'ready' then k.due_at else least(k.due_at, excluded.due_at) end;
    moment := present();
    for one in select g.item_id from unnest(chosen) as g (item_id) order by g.item_id loop
        update app_queue i set
            state = 'waiting', seq = nextval('app_queue_seq'), attempts = 0, available_at = moment, failed_at = null,
            run_id = null, error = null
        where i.queue_id = queue and i.item_id = one.item_id;
    end loop;
    insert into app_queue_counts (workspace_id, queue_id, depth, dead)
    values (q.workspace_id, queue, cardinality(chosen), -cardinality(chosen));
    return cardinality(chosen);
end
$$;

-- Makes one sum of many.
create function fold_counts(queue uuid) returns void
language sql as $$
    with gone as (
        delete from app_queue_counts c where (c.queue_id, c.count_id) in (
            select o.queue_id, o.count_id from app_queue_counts o where o.queue_id = queue
            order by o.count_id limit 2000 for update skip locked)
        returning c.*
    )
    insert into app_queue_counts (workspace_id, queue_id, depth, in_flight, delayed, dead)
    select g.workspace_id, queue, sum(g.depth), sum(g.in_flight), sum(g.delayed), sum(g.dead) from gone g group by g.workspace_id
$$;

revoke all on function app_queue_batch_bytes, due_time, enqueue_items, promote_delayed, claim_batches, begin_flush, release_lane, go_on_with_batch, end_batch,
    next_flush, flush_queue, set_queue_status, reckon_due_times, clear_queue, replay_dead_letters, fold_counts from public;
grant execute on function app_queue_batch_bytes, due_time, enqueue_items, release_lane, go_on_with_batch, end_batch, flush_queue, set_queue_status,
    reckon_due_times, clear_queue, replay_dead_letters to ms_app, ms_engine;
grant execute on function promote_delayed, claim_batches, begin_flush, next_flush, fold_counts to ms_engine;
