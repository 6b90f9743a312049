-- name: of_workspace (engine)
-- Wrapped data keys of a workspace.
select number, master, wrapped from workspace_keys where workspace_id = :workspace_id order by number;

-- name: add (engine)
-- A new data key; where one of that number stands, it stays.
insert into workspace_keys (workspace_id, number, master, wrapped) values (:workspace_id, :number, :master, :wrapped)
on conflict (workspace_id, number) do nothing;

-- name: some (engine)
-- Any wrapped key, to try the master key on.
select workspace_id, number, master, wrapped from workspace_keys order by workspace_id, number desc limit 1;
