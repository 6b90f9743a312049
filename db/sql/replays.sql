-- name: made (app, engine)
-- How often each step of these runs made its call.
select l.module, l.step, count(*) from workflow_execution_logs l
where l.run_id = any (:run_ids::uuid[]) and l.workspace_id = :workspace_id and l.mocked is null
    and l.status in ('succeeded', 'failed')
group by l.module, l.step
order by l.module, l.step;
