-- What people are asked by open runs. A task is the waiting row of an event step: there is no table of tasks, which could say something else than
-- the log; the index holds open waits only.

create index workflow_execution_logs_tasks on workflow_execution_logs (workspace_id, started_at, run_id, path)
    where status = 'waiting' and wait_kind = 'event';

insert into access_rights (role, action) values
    ('viewer', 'tasks.read'), ('editor', 'tasks.read'), ('owner', 'tasks.read'),
    ('editor', 'tasks.answer'), ('owner', 'tasks.answer');
