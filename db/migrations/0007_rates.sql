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

-- When the next start may be. per_s: seconds, up to a hundred years.
create function rate_next(starts timestamptz[], count integer, per_s double precision, moment timestamptz) returns timestamptz
language sql stable parallel safe as $$
    select greatest(
        moment,
        starts[cardinality(starts)],
        starts[greatest(1, cardinality(starts) - count / parts.k + 1)]
            + make_interval(secs => ceil(least(per_s, 3155760000) / parts.k * 1e6) / 1e6))
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
