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

-- name: root (engine)
-- The wrapped root of what is derived.
select master, wrapped from master_root;

-- name: keep_root (engine)
-- The root, at the first rotation; one that stands stays.
insert into master_root (master, wrapped) values (:master, :wrapped) on conflict (one) do nothing;

-- name: rewrap_root (engine)
-- The root under another master key, where it is still under that one.
update master_root set master = :master, wrapped = :wrapped where master = :former;

-- name: of_other_masters (engine)
-- Data keys that another master key wrapped.
select workspace_id, number, master, wrapped from workspace_keys where master <> :master
order by workspace_id, number limit :most;

-- name: rewrap (engine)
-- A data key under another master key, where it is still under that one.
update workspace_keys set master = :master, wrapped = :wrapped
where workspace_id = :workspace_id and number = :number and master = :former;
