-- name: abilities (engine)
-- What an endpoint's model can do, and how old that knowledge is.
select a.tools, a.parallel_tools, a.json_mode, a.streams, a.stream_usage, a.token_limit, a.temperature,
    extract(epoch from now() - a.probed_at)::double precision as age_s
from llm_abilities a
where a.workspace_id = :workspace_id and a.endpoint = :endpoint and a.model = :model;

-- name: put_abilities (engine)
-- The same, as it was found just now.
insert into llm_abilities (workspace_id, endpoint, model, tools, parallel_tools, json_mode, streams, stream_usage, token_limit, temperature)
values (:workspace_id, :endpoint, :model, :tools, :parallel_tools, :json_mode, :streams, :stream_usage, :token_limit, :temperature)
on conflict (workspace_id, endpoint, model) do update set tools = excluded.tools, parallel_tools = excluded.parallel_tools,
    json_mode = excluded.json_mode, streams = excluded.streams, stream_usage = excluded.stream_usage, token_limit = excluded.token_limit,
    temperature = excluded.temperature, probed_at = now();

-- name: price (app, engine)
-- The workspace's own price of a model.
select p.model, p.input_usd, p.output_usd, p.cache_read_usd, p.cache_write_usd, p.updated_at
from llm_prices p where p.workspace_id = :workspace_id and p.model = :model;

-- name: prices (app)
-- All of them.
select p.model, p.input_usd, p.output_usd, p.cache_read_usd, p.cache_write_usd, p.updated_at
from llm_prices p where p.workspace_id = :workspace_id and p.model > :after order by p.model limit :most;

-- name: put_price (app)
-- A price, new or changed.
insert into llm_prices as p (workspace_id, model, input_usd, output_usd, cache_read_usd, cache_write_usd)
values (:workspace_id, :model, :input_usd, :output_usd, :cache_read_usd, :cache_write_usd)
on conflict (workspace_id, model) do update set input_usd = excluded.input_usd, output_usd = excluded.output_usd,
    cache_read_usd = excluded.cache_read_usd, cache_write_usd = excluded.cache_write_usd, updated_at = now()
returning p.model, p.input_usd, p.output_usd, p.cache_read_usd, p.cache_write_usd, p.updated_at;

-- name: delete_price (app)
-- What comes with the product holds again.
delete from llm_prices where workspace_id = :workspace_id and model = :model;

-- name: budget (app, engine)
-- What the workspace may use in a day.
select b.daily_tokens, b.daily_usd from llm_budgets b where b.workspace_id = :workspace_id;

-- name: put_budget (app)
-- The same, new or changed.
insert into llm_budgets (workspace_id, daily_tokens, daily_usd) values (:workspace_id, :daily_tokens, :daily_usd)
on conflict (workspace_id) do update set daily_tokens = excluded.daily_tokens, daily_usd = excluded.daily_usd, updated_at = now();
