-- Batches ended, in the transaction that ends their run, and what comes after them.

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

-- A run that was started by a queue has ended: what becomes of its batch, in the transaction of its end.
create function end_batch(run uuid, of_workflow uuid, end_status text, end_error json) returns void
language plpgsql set enable_seqscan = off as $$
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

-- When the next claim of a queue may find something; null while nothing is to be expected.
create function next_flush(queue uuid) returns timestamptz
language plpgsql stable set enable_seqscan = off as $$
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

revoke all on function release_lane, go_on_with_batch, end_batch, next_flush from public;
grant execute on function release_lane, go_on_with_batch, end_batch to ms_app, ms_engine;
grant execute on function next_flush to ms_engine;
