-- What people do with queues: flush, pause, go on, clear, replay, look.

-- Asks for a flush of all that waits now. Gives how many lanes it reaches.
create function flush_queue(queue uuid) returns integer
language plpgsql set enable_seqscan = off as $$
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
language plpgsql set enable_seqscan = off as $$
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

-- New settings take effect on what waits already.
create function reckon_due_times(queue uuid) returns void
language sql set enable_seqscan = off as $$
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

-- Takes all items away that no run has: those that wait, are delayed, rest between attempts, or are blocked. Gives how many.
create function clear_queue(queue uuid) returns bigint
language plpgsql set enable_seqscan = off as $$
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

-- Puts dead letters back at the end of their lanes; items null: up to `most` of all. Gives how many.
create function replay_dead_letters(queue uuid, items uuid[], most integer) returns integer
language plpgsql set enable_seqscan = off as $$
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

-- Takes dead letters away for good; items null: up to `most` of all. Gives how many.
create function drop_dead_letters(queue uuid, items uuid[], most integer) returns integer
language plpgsql set enable_seqscan = off as $$
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

-- Items of a batch, in the order of its members.
create function items_of_batch(queue uuid, of_lane text, members bigint[]) returns setof app_queue
language sql stable set enable_seqscan = off as $$
    select i.* from unnest(members) with ordinality as m (seq, n)
    join app_queue i on i.queue_id = queue and i.lane = of_lane and i.seq = m.seq and i.state = 'waiting'
    order by m.n
$$;

-- Items that aren't dead, or those that are, newest first, before an item.
create function items_before(queue uuid, are_dead boolean, before uuid, most integer) returns setof app_queue
language plpgsql stable set enable_seqscan = off as $$
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

-- Whether anything waits, is delayed, or is in a batch.
create function holds_items(queue uuid) returns boolean
language sql stable set enable_seqscan = off as $$
    select exists (select from app_queue_keys k where k.queue_id = queue)
        or exists (select from app_queue i where i.queue_id = queue and i.state = 'delayed')
$$;

-- Makes one sum of many. Of those that somebody else makes one now, it takes none.
create function fold_counts(queue uuid) returns void
language plpgsql as $$
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

revoke all on function flush_queue, set_queue_status, reckon_due_times, clear_queue, replay_dead_letters, drop_dead_letters,
    items_of_batch, items_before, holds_items, fold_counts from public;
grant execute on function flush_queue, set_queue_status, reckon_due_times, clear_queue, replay_dead_letters,
    drop_dead_letters, items_of_batch, items_before, holds_items to ms_app, ms_engine;
grant execute on function fold_counts to ms_engine;
