-- name: ensure (engine)
-- Make the weeks ahead of all partitioned tables.
select ensure_weeks(:ahead);

-- name: left (owner)
-- Weeks of runs that there are, oldest first, as their tables' names tell them. One that was detached, and not dropped, hangs on no parent
-- any more.
select to_date(right(c.relname, 8), 'YYYYMMDD') as monday
from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname ~ '^workflow_runs_[0-9]{8}$'
order by c.relname;

-- name: has_unexpired (engine)
-- Whether a run between two ids is open, pinned or to be kept. Each is asked of an index, but for the last question, which reads
-- the week and is asked only when it is about to go: an open run without a place in the queue would be one that was lost.
select exists (select from workflow_execution_queue where run_id >= :lowest and run_id < :below)
    or exists (
        select from workflow_runs where run_id >= :lowest and run_id < :below and pinned_at is not null)
    or exists (
        select from workflow_runs
        where run_id >= :lowest and run_id < :below and expires_at > now() and retention_days >= 30 and pinned_at is null)
    or exists (
        select from workflow_runs
        where run_id >= :lowest and run_id < :below and expires_at > now() and retention_days < 30 and pinned_at is null)
    or exists (
        select from workflow_runs
        where run_id >= :lowest and run_id < :below and finished_at is null and carrier <> 'simulation');

-- name: delete_resumes (engine)
-- Some of the bodies that were posted to runs between two ids, whose headers are about to go.
delete from workflow_resumes where (run_id, path) in (
    select run_id, path from workflow_resumes where run_id >= :lowest and run_id < :below limit :most);

-- name: hold_pins (owner)
-- Nobody pins a run until this session lets go; whoever is at it ends first.
select pg_advisory_lock(hashtextextended('millstream.drop', 0))::text;

-- name: free_pins (owner)
-- Runs may be pinned again.
select pg_advisory_unlock(hashtextextended('millstream.drop', 0));

-- name: state (owner)
-- Whether a table is there, and whether it hangs on its parent (d: its detach was cut short).
select case when i.inhrelid is null then 'alone' when i.inhdetachpending then 'detaching' else 'attached' end
from pg_class c
left join pg_inherits i on i.inhrelid = c.oid
where c.oid = to_regclass(:name);
