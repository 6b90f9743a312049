-- fragment: columns
p.workspace_id, p.provider_id, p.name, p.config, p.client_secret, p.created_at, p.updated_at
-- name: create (app, engine)
-- A new provider; no row when the name is taken.
insert into connections_providers as p (workspace_id, provider_id, name, config, client_secret, created_by)
values (:workspace_id, :provider_id, :name, :config, :client_secret, :user_id)
on conflict (workspace_id, name) do nothing
returning {columns};

-- name: get (app, engine)
-- One provider.
select {columns} from connections_providers p where p.workspace_id = :workspace_id and p.provider_id = :provider_id;

-- name: by_name (app, engine)
-- The provider of that name.
select {columns} from connections_providers p where p.workspace_id = :workspace_id and p.name = :name;

-- name: list_providers (app, engine)
-- Providers, newest first, from below an id.
select {columns} from connections_providers p where p.workspace_id = :workspace_id and p.provider_id < :before
order by p.provider_id desc
limit :most;

-- name: change (app, engine)
-- A provider's new config, and its secret where one is given (also none: fresh).
update connections_providers p set config = :config,
    client_secret = case when :fresh::boolean then :client_secret else p.client_secret end, updated_at = now()
where p.workspace_id = :workspace_id and p.provider_id = :provider_id
returning {columns};

-- name: users_of (app, engine)
-- The connections that refer to a provider.
select c.name from connections c where c.workspace_id = :workspace_id and c.provider_id = :provider_id order by c.name;

-- name: delete (app, engine)
-- A provider goes; no row while a connection refers to it.
delete from connections_providers p where p.workspace_id = :workspace_id and p.provider_id = :provider_id
    and not exists (select from connections c where c.provider_id = p.provider_id);
