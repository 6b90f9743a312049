-- name: put (engine)
-- What a built-in module declares.
insert into workflows_modules as m (module, version, title, category, kind, effect, idempotent, input_schema, output_schema,
    handles, slots, timeout, retry, example, manual)
values (:module, :version, :title, :category, :kind, :effect, :idempotent, :input_schema, :output_schema, :handles, :slots,
    :timeout, :retry, :example, :manual)
on conflict (workspace_id, module, version) do update set
    title = excluded.title, category = excluded.category, kind = excluded.kind, effect = excluded.effect,
    idempotent = excluded.idempotent, input_schema = excluded.input_schema, output_schema = excluded.output_schema,
    handles = excluded.handles, slots = excluded.slots, timeout = excluded.timeout, retry = excluded.retry,
    example = excluded.example, manual = excluded.manual, available = true, updated_at = now()
where (m.title, m.category, m.kind, m.effect, m.idempotent, m.slots, m.timeout, m.manual, m.available)
        is distinct from (excluded.title, excluded.category, excluded.kind, excluded.effect, excluded.idempotent,
            excluded.slots, excluded.timeout, excluded.manual, true)
    or m.input_schema::text <> excluded.input_schema::text or m.output_schema::text <> excluded.output_schema::text
    or m.handles::text <> excluded.handles::text or m.retry::text <> excluded.retry::text
    or m.example::text <> excluded.example::text;

-- name: retire (engine)
-- Built-in modules whose code is gone; documents may still name them.
update workflows_modules m set available = false, updated_at = now()
where m.workspace_id is null and m.available and not exists (
    select from unnest(:names::text[], :versions::integer[]) as k (module, version)
    where k.module = m.module and k.version = m.version);

-- name: list_all (app, engine)
-- Modules that can be used, by name and version.
select module, version, title, category, kind, effect, idempotent, input_schema, output_schema, handles, slots, timeout,
    retry, example, manual
from workflows_modules
where available
order by module, version;
