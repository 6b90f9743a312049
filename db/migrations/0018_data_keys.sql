-- New data keys: a workspace gets the next number, and what older ones closed is closed anew.
--
-- settled_at  of a key above 1: when it was seen that nothing in the tables is closed under an older number. Without it, a rotation is under way.
-- retired_at  of a key that isn't the newest: when it was seen that no run is open that could have put anything under it into a history.
--
-- Locks: a batch of items locks their rows, skips those that somebody else holds, and takes nothing else; every other value is changed by a
-- transaction of its own. So whoever closes anew waits for nobody, and nobody longer than for one statement.

alter table workspace_keys
    add column settled_at timestamptz,
    add column retired_at timestamptz;

-- Items of a queue after one, in order of their ids, that are closed under a number from :lowest on and below :below: both as the first five
-- bytes of what is closed. Looks at 1000 items and gives at most 8 MiB; `closed` is null for an item of another number.
create function items_closed_within(queue uuid, after uuid, lowest bytea, below bytea) returns table (item_id uuid, closed bytea)
language sql stable set enable_seqscan = off as $$
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

-- Other ciphertexts for items that still have these; gives how many changed. Those that somebody else holds are left as they are.
create function close_items_anew(queue uuid, item_ids uuid[], formers bytea[], fresh bytea[]) returns integer
language plpgsql set enable_seqscan = off as $$
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

revoke all on function items_closed_within, close_items_anew from public;
grant execute on function items_closed_within, close_items_anew to ms_engine;
