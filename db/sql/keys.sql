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

-- name: newest (engine)
-- The newest data key of each workspace that has one, or of one workspace.
select w.workspace_id, w.slug, k.number, k.number = 1 or k.settled_at is not null as settled,
    extract(epoch from now() - k.created_at)::double precision as age_s
from workspaces w
join lateral (
    select n.number, n.settled_at, n.created_at from workspace_keys n where n.workspace_id = w.workspace_id order by n.number desc limit 1
) as k on true
where :slug::text is null or w.slug = :slug
order by w.workspace_id;

-- name: settle (engine)
-- Nothing is closed under an older number any more, and nobody uses one who has looked within that time.
update workspace_keys set settled_at = now()
where workspace_id = :workspace_id and number = :number and settled_at is null
    and created_at <= now() - make_interval(secs => :known_after_s);

-- name: retire (engine)
-- Older data keys under which no history gets anything any more: every run is over that began while somebody may have used them.
update workspace_keys k set retired_at = now()
where k.retired_at is null
    and exists (select from workspace_keys n where n.workspace_id = k.workspace_id and n.number > k.number and n.settled_at is not null)
    and not exists (
        select from workspace_keys n
        join workflow_execution_queue q on q.workspace_id = k.workspace_id
        where n.workspace_id = k.workspace_id
            and n.number = (select min(m.number) from workspace_keys m where m.workspace_id = k.workspace_id and m.number > k.number)
            and q.created_at < n.created_at + make_interval(secs => :known_after_s));

-- name: older (engine)
-- All data keys but the newest ones, for how many seconds each has been retired, and whether a run is kept that it may have closed data of.
select w.workspace_id, w.slug, k.number, extract(epoch from now() - k.retired_at)::double precision as retired_s,
    w.logs_encrypted_at is not null and exists (
        select from workflow_runs r
        where r.workspace_id = k.workspace_id and r.run_id < (
            lpad(to_hex((extract(epoch from s.created_at + make_interval(secs => :known_after_s)) * 1000)::bigint), 12, '0')
            || repeat('0', 20))::uuid
    ) as kept_runs
from workspace_keys k
join workspaces w on w.workspace_id = k.workspace_id
cross join lateral (
    select n.created_at from workspace_keys n where n.workspace_id = k.workspace_id and n.number > k.number order by n.number limit 1
) as s
where :slug::text is null or w.slug = :slug
order by k.workspace_id, k.number;

-- name: drop (engine)
-- A data key that has been retired for so long goes for good.
delete from workspace_keys k
where k.workspace_id = :workspace_id and k.number = :number and k.retired_at <= now() - make_interval(secs => :retired_s);
