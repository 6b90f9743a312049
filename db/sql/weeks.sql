-- name: ensure (engine)
-- Make the weeks ahead of all partitioned tables.
select ensure_weeks(:ahead);

-- name: attached (owner)
-- Weeks of runs, oldest first, as the partitions' names tell them; detaching: a detach was cut short.
select to_date(right(c.relname, 8), 'YYYYMMDD') as monday, i.inhdetachpending as detaching
from pg_inherits i
join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'public.workflow_runs'::regclass
order by c.relname;

-- name: has_unexpired (engine)
-- Whether a run between two ids is open or to be kept.
select exists (
    select from workflow_runs
    where run_id >= :lowest and run_id < :below and (expires_at is null or expires_at > now()));

-- name: state (owner)
-- Whether a table is there, and whether it hangs on its parent (d: its detach was cut short).
select case when i.inhrelid is null then 'alone' when i.inhdetachpending then 'detaching' else 'attached' end
from pg_class c
left join pg_inherits i on i.inhrelid = c.oid
where c.oid = to_regclass(:name);
