-- How often something may start: at most `count` times in any window of `per` seconds, by one exact history for each key.
--
-- A history is the last starts in order, those that are promised for later included. The next start may be at the latest of
-- now, the last start (so whoever waits is served in turn), and `per` after the count-th last one. So `count` may start at
-- once, and no window [t, t + per) ever holds more. Two other ways are worse: a leaky bucket (GCRA) with a burst of `count`
-- lets nearly twice as many through in one window, and without a burst it holds up the first ones for nothing.
--
-- A row stays small: over 1,000, a limit is kept as k = ceil(count / 1000) equal parts, floor(count / k) in per / k
-- seconds, which is never more than was asked for. A history is cut to what the largest count that was asked for needs.
-- Its first element is -infinity while nothing was cut off; else what was cut off is taken to be as late as the oldest
-- start that is left. So a limit that is met for the first time may wait longer than it had to, but is never exceeded.

-- When the next start may be. per_s: seconds, up to a thousand years. Nothing is promised for later than the year 9000.
create function rate_next(starts timestamptz[], count integer, per_s double precision, moment timestamptz) returns timestamptz
language sql stable parallel safe as $$
    select least('9000-01-01 00:00:00+00'::timestamptz, greatest(
        moment,
        starts[cardinality(starts)],
        starts[greatest(1, cardinality(starts) - count / parts.k + 1)]
            + make_interval(secs => ceil(least(per_s, 31557600000) / parts.k * 1e6) / 1e6)))
    from (select (count - 1) / 1000 + 1 as k) as parts
$$;

-- The history with a start at `at`, which is what rate_next gave.
create function rate_kept(starts timestamptz[], count integer, at timestamptz) returns timestamptz[]
language sql stable parallel safe as $$
    select case
        when cardinality(starts) = 0 then array['-infinity', at]
        else (starts || at)[cardinality(starts) + 2 - least(1000, greatest(cardinality(starts), count), cardinality(starts) + 1):]
    end
$$;

-- One row for each key that something started under of late: step:… for throttles of steps, hook:… for webhooks. A row
-- goes when its starts hold nobody up any more. expires_at moves in strides, so that most updates touch no index.
create table rate_ledger (
    workspace_id bigint not null,
    key text not null,
    starts timestamptz[] not null,
    expires_at timestamptz not null,
    primary key (workspace_id, key),
    constraint rate_ledger_key_is_short check (length(key) between 1 and 300)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);
create index rate_ledger_expires on rate_ledger (expires_at);
call protect_tenant_table('rate_ledger');
grant select, insert, update, delete on rate_ledger to ms_app, ms_engine;

-- Asks for the next start under a key, behind everybody who asked before: its time, and how long that is from now (0:
-- it has the start, now). reserve: a start in the future is promised, and taken; without, nothing is taken unless it is now.
create function take_start(workspace bigint, of_key text, count integer, per_s double precision, reserve boolean)
returns table (due timestamptz, wait_s double precision)
language plpgsql as $$
declare
    held rate_ledger;
    moment timestamptz;
    kept_for interval := make_interval(secs => least(per_s, 31557600000));
begin
    perform act_for(workspace);
    if not reserve then
        -- A flood that is refused waits for nobody and writes nothing.
        select * into held from rate_ledger l where l.workspace_id = workspace and l.key = of_key;
        if found then
            moment := present();
            due := rate_next(held.starts, count, per_s, moment);
            wait_s := extract(epoch from due - moment);
            if due > moment then
                return next;
                return;
            end if;
        end if;
    end if;
    loop
        select * into held from rate_ledger l where l.workspace_id = workspace and l.key = of_key for update;
        exit when found;
        -- Somebody else's row is waited for here, and locked in the next round; maintenance may take it away between.
        insert into rate_ledger as l (workspace_id, key, starts, expires_at)
        values (workspace, of_key, '{}', present() + interval '1 hour')
        on conflict do nothing;
    end loop;
    moment := present();
    due := rate_next(held.starts, count, per_s, moment);
    wait_s := extract(epoch from due - moment);
    if due = moment or reserve then
        update rate_ledger l set
            starts = rate_kept(held.starts, count, due),
            expires_at = case when held.expires_at >= due + kept_for then held.expires_at else due + kept_for + interval '1 hour' end
        where l.workspace_id = workspace and l.key = of_key;
    end if;
    return next;
end
$$;
revoke all on function take_start from public;
grant execute on function take_start to ms_app, ms_engine;
