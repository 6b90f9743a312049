-- name: all_values (app, engine)
-- Names and values of a workspace's variables; of a secret its shape.
select name, value, secret from workflows_variables where workspace_id = :workspace_id order by name;

-- name: page (app, engine)
-- Variables in order of their names.
select variable_id, name, secret, value, created_at, updated_at from workflows_variables
where workspace_id = :workspace_id and name > :after
order by name
limit :most;

-- name: get (app, engine)
-- One variable.
select variable_id, name, secret, value, created_at, updated_at from workflows_variables
where workspace_id = :workspace_id and name = :name;

-- name: closed (engine)
-- Secrets by their names, closed as they are.
select variable_id, name, closed, former from workflows_variables
where workspace_id = :workspace_id and name = any(:names::text[]) and secret
order by name;

-- name: create (app, engine)
-- A new variable, a secret one closed; no row when the name is taken.
insert into workflows_variables (workspace_id, variable_id, name, secret, value, closed, updated_by)
values (:workspace_id, :variable_id, :name, :closed::bytea is not null, :value, :closed, :user_id)
on conflict (workspace_id, name) do nothing
returning variable_id, name, secret, value, created_at, updated_at;

-- name: put (app, engine)
-- A variable's new value, a secret one closed; no row when it was not as was_secret says.
update workflows_variables
set value = :value, secret = :closed::bytea is not null, closed = :closed,
    former = case when :closed::bytea is null then null else closed end, updated_at = now(), updated_by = :user_id
where workspace_id = :workspace_id and variable_id = :variable_id and secret = :was_secret
returning variable_id, name, secret, value, created_at, updated_at;

-- name: delete (app, engine)
-- A variable goes; it stays when it is not as was_secret says.
delete from workflows_variables
where workspace_id = :workspace_id and variable_id = :variable_id and secret = :was_secret;
