-- name: all_values (app, engine)
-- Names and values of a workspace's variables.
select name, value from workflows_variables where workspace_id = :workspace_id order by name;

-- name: page (app, engine)
-- Variables in order of their names.
select variable_id, name, value, created_at, updated_at from workflows_variables
where workspace_id = :workspace_id and name > :after
order by name
limit :most;

-- name: get (app, engine)
-- One variable.
select variable_id, name, value, created_at, updated_at from workflows_variables
where workspace_id = :workspace_id and name = :name;

-- name: create (app, engine)
-- A new variable; no row when the name is taken.
insert into workflows_variables (workspace_id, variable_id, name, value, updated_by)
values (:workspace_id, :variable_id, :name, :value, :user_id)
on conflict (workspace_id, name) do nothing
returning variable_id, name, value, created_at, updated_at;

-- name: put (app, engine)
-- A variable's new value.
update workflows_variables set value = :value, updated_at = now(), updated_by = :user_id
where workspace_id = :workspace_id and name = :name
returning variable_id, name, value, created_at, updated_at;

-- name: delete (app, engine)
-- A variable goes.
delete from workflows_variables where workspace_id = :workspace_id and name = :name;
