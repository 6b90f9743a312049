-- name: login (engine)
-- Who is connected, and whether policies bind them.
select session_user::text as name, r.rolsuper as superuser, r.rolbypassrls as bypasses_policies,
    current_setting('server_version_num')::integer as version, clock_timestamp() as now
from pg_roles r where r.rolname = session_user;

-- name: strong_roles (engine)
-- Those of our roles that policies wouldn't bind, or that somebody could connect as.
select rolname::text from pg_roles
where rolname in ('ms_owner', 'ms_app', 'ms_engine', 'ms_search') and (rolsuper or rolbypassrls or rolcanlogin)
order by rolname;

-- name: open_tables (engine)
-- Tables with workspaces' rows whose policies are off or don't bind their owner, and parts of such tables that somebody could read by name.
select c.relname::text from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id' and not a.attisdropped
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
    and case
        when c.relispartition then exists (
            select from aclexplode(c.relacl) g join pg_roles r on r.oid = g.grantee where r.rolname in ('ms_app', 'ms_engine'))
        else not (c.relrowsecurity and c.relforcerowsecurity)
    end
order by c.relname;
