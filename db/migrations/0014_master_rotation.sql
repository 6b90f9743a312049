-- The master key can change: what was derived from the first one goes on being derived from it.

-- The root of what is derived, wrapped by the master key of that fingerprint; no row before the first rotation.
create table master_root (
    one boolean primary key default true,
    master text not null,
    wrapped bytea not null,
    constraint master_root_is_one check (one)
);
alter table master_root enable row level security;
alter table master_root force row level security;
create policy engine on master_root to ms_engine using (true) with check (true);
grant select, insert, update on master_root to ms_engine;
