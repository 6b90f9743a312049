-- name: hold (engine)
-- Nobody else changes the members until this transaction's end.
select workspace_id from workspaces where workspace_id = :workspace_id for no key update;

-- name: page (app)
-- Who has which role in a workspace, after a person, in order of their ids.
select u.user_id, u.email, u.name, r.role from user_roles r
join users u on u.user_id = r.user_id
where r.workspace_id = :workspace_id and r.user_id > :after
order by r.user_id
limit :most;

-- name: get (app, engine)
-- One person's role in a workspace.
select u.user_id, u.email, u.name, r.role from user_roles r
join users u on u.user_id = r.user_id
where r.workspace_id = :workspace_id and r.user_id = :user_id;

-- name: add (engine)
-- A role for whoever has none yet; no row otherwise.
insert into user_roles (workspace_id, user_id, role) values (:workspace_id, :user_id, :role)
on conflict (user_id, workspace_id) do nothing
returning true;

-- name: set_role (engine)
-- Another role.
update user_roles set role = :role where workspace_id = :workspace_id and user_id = :user_id;

-- name: remove (engine)
-- The person has no role any more.
delete from user_roles where workspace_id = :workspace_id and user_id = :user_id;

-- name: other_owners (engine)
-- How many owners there are beside one person.
select count(*) from user_roles where workspace_id = :workspace_id and role = 'owner' and user_id <> :user_id;
