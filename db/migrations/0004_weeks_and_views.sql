-- The owner's work: weeks of the partitioned tables, and each workflow's schema with views of its rows.

-- The smallest UUIDv7 of an instant: a week's bounds.
create function uuid7_floor(moment timestamptz) returns uuid
language sql immutable strict parallel safe
return (lpad(to_hex(floor(extract(epoch from moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

-- Makes the weeks from the previous one to `ahead` weeks from now, of all three tables; gives the names of the new
-- partitions. A partition is made beside the parent and then attached, which holds up neither readers nor writers.
create function ensure_weeks(ahead integer) returns setof text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    parent text;
    week timestamp;
    name text;
begin
    perform pg_advisory_xact_lock(hashtextextended('millstream.weeks', 0));
    for week in
        select generate_series(
            date_trunc('week', now() at time zone 'UTC') - interval '1 week',
            date_trunc('week', now() at time zone 'UTC') + ahead * interval '1 week',
            interval '1 week')
    loop
        foreach parent in array array['workflow_runs', 'workflow_execution_logs', 'workflow_payloads'] loop
            name := parent || '_' || to_char(week, 'YYYYMMDD');
            continue when to_regclass('public.' || name) is not null;
            execute format('create table public.%I (like public.%I including defaults including constraints)', name, parent);
            -- Nobody has a right here; should one ever be granted, there is still no policy that shows a row.
            execute format('alter table public.%I enable row level security', name);
            execute format('alter table public.%I force row level security', name);
            execute format('alter table public.%I attach partition public.%I for values from (%L) to (%L)', parent, name,
                uuid7_floor(week at time zone 'UTC'), uuid7_floor((week + interval '1 week') at time zone 'UTC'));
            return next name;
        end loop;
    end loop;
end
$$;
revoke all on function ensure_weeks from public;
grant execute on function ensure_weeks to ms_engine;

-- The owner may see which workflows there are, to make views for those only.
create policy owner_sees on workflows for select to ms_owner using (true);

-- Makes the schema wf_<id> with views of the workflow's own rows, for people and tools that read by SQL. The views act
-- with the reader's rights and so through its policies. They are no security barriers: that would keep the reader's
-- conditions from the indexes. Repeating it changes nothing.
create function ensure_workflow_views(id uuid) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    space text := 'wf_' || replace(id::text, '-', '');
    source text;
begin
    if to_regnamespace(space) is not null or not exists (select from workflows where workflow_id = id) then
        return space;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('millstream.views', 0));
    execute format('create schema if not exists %I', space);
    foreach source in array array['workflow_execution_queue', 'workflow_execution_logs', 'app_queue_logs'] loop
        execute format('create or replace view %I.%I with (security_invoker) as select * from public.%I where workflow_id = %L',
            space, source, source, id);
        execute format('grant select on %I.%I to ms_app, ms_engine', space, source);
    end loop;
    execute format('create or replace view %I.app_queue with (security_invoker) as select i.* from public.app_queue i '
        'where i.queue_id in (select q.queue_id from public.workflows_app_queues q where q.consumer_workflow_id = %L)', space, id);
    execute format('grant select on %I.app_queue to ms_app, ms_engine', space);
    execute format('grant usage on schema %I to ms_app, ms_engine', space);
    return space;
end
$$;
revoke all on function ensure_workflow_views from public;
grant execute on function ensure_workflow_views to ms_app, ms_engine;

-- Drops that schema once the workflow itself is gone.
create function drop_workflow_views(id uuid) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if not exists (select from workflows where workflow_id = id) then
        execute format('drop schema if exists %I cascade', 'wf_' || replace(id::text, '-', ''));
    end if;
end
$$;
revoke all on function drop_workflow_views from public;
grant execute on function drop_workflow_views to ms_engine;

select from ensure_weeks(4);
