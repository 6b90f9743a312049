-- name: record (engine, app)
-- Write rows of one run's log, its state and its end, as far as given: one call, one commit.
select status, finished_now, last_seq, cancel_requested, cancel_reason, next_run, refused_paths, refused_attempts
from record_steps(
    :workspace_id, :run_id, :paths, :attempts, :steps, :modules, :iterations, :statuses, :starts, :ends, :inputs,
    :outputs, :errors, :handles, :logs, :wait_kinds, :wait_reasons, :wait_untils,
    :resume_urls, :child_run_ids, :mocks, :keys, :retry_ats, :refs, :media_types, :bodies, :waiting, :began_at,
    :end_status, :end_output, :end_error, :end_warnings, :end_at, :words, :step_words)

-- name: hold (engine)
-- The run's row, locked for this transaction.
select run_id from workflow_runs where run_id = :run_id for no key update;
