-- fragment: columns
i.item_id, i.ordering_key, i.state, i.data, i.size, i.attempts, i.enqueued_at, i.available_at, i.run_id, i.error, i.failed_at

-- name: enqueue (app, engine)
-- Add items to a queue, all or none.
select outcome, accepted, duplicates, accepted_ids, wake_at from enqueue_items(:workspace_id, :queue_id, :operation, :item_ids,
    :ordering_keys, :dedupe_keys, :delays, :bodies, :sizes);

-- name: list_items (app)
-- Items that aren't dead, newest first, before an item. A blocked batch is no run's: its items wait.
select i.item_id, i.ordering_key,
    case when exists (
        select from app_queue_batches b
        where b.queue_id = i.queue_id and b.lane = i.lane and b.state <> 'blocked' and i.state = 'waiting'
            and (i.seq = any (b.members) or i.seq = any (b.rest))
    ) then 'in_flight' else i.state end as state,
    i.data, i.size, i.attempts, i.enqueued_at, i.available_at, i.run_id, i.error, i.failed_at
from app_queue i
where i.queue_id = :queue_id and i.state <> 'dead' and i.item_id < :before
order by i.item_id desc
limit :most;

-- name: dead_letters (app)
-- Dead letters, newest first, before an item.
select {columns} from app_queue i
where i.queue_id = :queue_id and i.state = 'dead' and i.item_id < :before
order by i.item_id desc
limit :most;

-- name: of_batch (engine)
-- The items of a batch, in the order of its members.
select {columns} from app_queue i
join unnest(:members::bigint[]) with ordinality as m (seq, n) on m.seq = i.seq
where i.queue_id = :queue_id and i.lane = :lane and i.state = 'waiting'
order by m.n;

-- name: replay (app)
-- Put dead letters back; gives how many.
select replay_dead_letters(:queue_id, :item_ids, :most);

-- name: drop_dead (app)
-- Take dead letters away for good.
select drop_dead_letters(:queue_id, :item_ids, :most);
