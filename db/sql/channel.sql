-- name: notify (engine)
-- Tells all that listen, at once: this is its own commit.
select pg_notify(:channel, :text);

-- name: try_lock (engine)
-- Takes a lock of this connection if it is free.
select pg_try_advisory_lock(hashtextextended(:name, 3));
