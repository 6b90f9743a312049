-- name: accept (app, engine)
-- Take a run in: event, document, payloads, header and queue row, all or nothing.
select outcome, id, state, epoch
from accept_run(:header, :trigger_data, :options_data, :warnings_data, :compiled_data, :words, :refs, :bodies);

-- name: begin (engine)
-- The carrier's first act: the run is at work. No row when it has ended.
select started_at, cancel_requested, cancel_reason, recovered from begin_run(:workspace_id, :run_id, :began_at);

-- name: request_cancel (app, engine)
-- Ask a run to stop; one that never began ends at once.
select outcome, next_run from request_cancel(:workspace_id, :run_id, :reason);
