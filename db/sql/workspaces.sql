-- name: by_slug (engine)
-- The workspace that an address names.
select workspace_id, slug, name, plan, created_at, encrypt_logs from workspaces where slug = :slug;

-- name: get (app, engine)
-- One workspace.
select workspace_id, slug, name, plan, created_at, encrypt_logs from workspaces where workspace_id = :workspace_id;

-- name: all (engine)
-- Every workspace of the installation, oldest first.
select workspace_id, slug, name, plan, created_at, encrypt_logs from workspaces order by workspace_id;

-- name: create (engine)
-- A new workspace; no row when the slug is taken.
insert into workspaces (slug, name) values (:slug, :name)
on conflict (slug) do nothing
returning workspace_id, slug, name, plan, created_at, encrypt_logs;

-- name: change (app, engine)
-- Another name, or another way to keep data of runs; the slug stays, because addresses hold it.
update workspaces set name = coalesce(:name, name), encrypt_logs = coalesce(:encrypt_logs, encrypt_logs),
    logs_encrypted_at = case when :encrypt_logs then coalesce(logs_encrypted_at, now()) else logs_encrypted_at end
where workspace_id = :workspace_id
returning workspace_id, slug, name, plan, created_at, encrypt_logs;

-- name: encrypts_logs (app, engine)
-- Whether a workspace keeps data of runs encrypted.
select encrypt_logs from workspaces where workspace_id = :workspace_id;

-- name: members (app, engine)
-- Who has which role in a workspace.
select u.user_id, u.email, u.name, r.role from user_roles r
join users u on u.user_id = r.user_id
where r.workspace_id = :workspace_id
order by u.user_id;

-- name: ensure_user (engine)
-- The person with that address, made if need be.
insert into users (email, name) values (:email, :name)
on conflict (lower(email)) do update set email = users.email
returning user_id;

-- name: put_role (engine, app)
-- Give a person a role in a workspace, instead of the one before.
insert into user_roles (workspace_id, user_id, role) values (:workspace_id, :user_id, :role)
on conflict (user_id, workspace_id) do update set role = excluded.role;

-- name: rights (app, engine)
-- The matrix of roles and actions.
select role, action from access_rights order by role, action;

-- name: first_start_lock (engine)
-- One process at a time looks whether this is the first start.
select pg_advisory_xact_lock(hashtextextended('millstream.first_start', 0));
