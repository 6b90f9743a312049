-- name: pending (engine)
-- Wake-ups for executions that exist, leased for a while; oldest first.
with due as (
    select s.signal_id from workflow_signals s
    join workflow_execution_queue q on q.run_id = s.run_id and q.state = 'started'
    where s.lease_until < now()
    order by s.signal_id
    limit :most
    for update of s skip locked
)
update workflow_signals s set lease_until = now() + make_interval(secs => :lease_s)
from due
where s.signal_id = due.signal_id
returning s.signal_id, s.run_id, s.workspace_id, s.kind, s.path, s.child_run_id;

-- name: delivered (engine)
-- These were told.
delete from workflow_signals where signal_id = any (:signal_ids::bigint[]);
