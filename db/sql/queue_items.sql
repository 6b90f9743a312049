-- fragment: columns
i.item_id, i.ordering_key, i.state, i.data, i.size, i.attempts, i.enqueued_at, i.available_at, i.run_id, i.error, i.failed_at,
    i.workspace_id

-- name: enqueue (app, engine)
-- Add items to a queue, all or none.
select outcome, accepted, duplicates, accepted_ids, wake_at from enqueue_items(:workspace_id, :queue_id, :operation, :item_ids,
    :ordering_keys, :dedupe_keys, :delays, :bodies, :sizes);

-- name: recent_operation (app)
-- Which of these names an operation of the last day has.
select o.operation from app_queue_operations o
where o.workspace_id = :workspace_id and o.operation = any (:operations::text[]) and o.created_at > now() - interval '1 day'
limit 1;

-- name: list_items (app)
-- Items that aren't dead, newest first, before an item. A blocked batch is no run's: its items wait.
select i.item_id, i.ordering_key,
    case when exists (
        select from app_queue_batches b
        where b.queue_id = i.queue_id and b.lane = i.lane and b.state <> 'blocked' and i.state = 'waiting'
            and (i.seq = any (b.members) or i.seq = any (b.rest))
    ) then 'in_flight' else i.state end as state,
    i.data, i.size, i.attempts, i.enqueued_at, i.available_at, i.run_id, i.error, i.failed_at,
    i.workspace_id
from items_before(:queue_id, false, :before, :most) i;

-- name: dead_letters (app)
-- Dead letters, newest first, before an item.
select {columns} from items_before(:queue_id, true, :before, :most) i;

-- name: of_batch (engine)
-- The items of a batch, in the order of its members.
select {columns} from items_of_batch(:queue_id, :lane, :members) i;

-- name: replay (app)
-- Put dead letters back; gives how many.
select replay_dead_letters(:queue_id, :item_ids, :most);

-- name: drop_dead (app)
-- Take dead letters away for good.
select drop_dead_letters(:queue_id, :item_ids, :most);
