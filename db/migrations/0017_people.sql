-- People: a key is worth no more than its person, and every change is written down.
--
-- Lock order: whoever changes members holds the workspace's row first (for no key update), so that the last owner can't leave twice at once.
-- Rows of the audit trail are only ever inserted, so they take no lock that anybody waits for.

-- Without its person a key would go on as nobody's.
alter table api_keys drop constraint api_keys_user_id_fkey;
alter table api_keys add constraint api_keys_user_id_fkey foreign key (user_id) references users on delete cascade;
create index api_keys_user on api_keys (user_id) where user_id is not null;

-- What asked for the key, so that the same request again finds it: a day long, and as long as nobody has used it.
alter table api_keys add column operation text;
create unique index api_keys_operation on api_keys (workspace_id, operation) where operation is not null;

-- A scope narrows what the role may do. Until now `hook` only added to it, so these keys keep what they could do.
alter table api_keys no force row level security;
update api_keys set scopes = scopes || '{api}' where 'hook' = any (scopes);
alter table api_keys force row level security;

insert into access_rights (role, action) values ('owner', 'workspaces.create'), ('owner', 'audit.read');

-- Who changed what. Written in the transaction of the change by triggers on the tables of what people own, and by audit_note for what leaves no row of
-- its own. No reference leads out of here: the trail outlives what it tells of, so it holds names beside ids.
create table audit (
    workspace_id bigint not null,
    audit_id uuid not null default gen_random_uuid(),
    at timestamptz not null default clock_timestamp(),
    -- All null where nobody asked for it: Millstream itself.
    user_id bigint,
    email text,
    api_key_id uuid,
    key_name text,
    -- The right that was used, and what became of the thing.
    action text,
    change text not null,
    kind text not null,
    object_id text not null,
    name text,
    before jsonb,
    after jsonb,
    ip text,
    forwarded_for text,
    user_agent text,
    request_id text,
    route text,
    primary key (workspace_id, at, audit_id)
);
create index audit_at on audit (at);

alter table audit enable row level security;
alter table audit force row level security;
create policy tenant on audit for select to ms_app
    using (workspace_id = nullif(current_setting('app.ws', true), '')::bigint);
create policy tenant_adds on audit for insert to ms_app
    with check (workspace_id = nullif(current_setting('app.ws', true), '')::bigint);
create policy engine on audit for select to ms_engine
    using (workspace_id = coalesce(nullif(current_setting('app.ws', true), '')::bigint, workspace_id));
create policy engine_adds on audit for insert to ms_engine
    with check (workspace_id = coalesce(nullif(current_setting('app.ws', true), '')::bigint, workspace_id));
-- Nobody may take away what is younger, whatever retention says.
create policy engine_forgets on audit for delete to ms_engine using (at < now() - interval '30 days');
-- Rows that go with another one are deleted as their table's owner, and so is their last line written.
create policy owner_adds on audit for insert to ms_owner with check (true);
grant select, insert on audit to ms_app, ms_engine;
grant delete on audit to ms_engine;

-- Who acts in this transaction, as the program said: a JSON object in hexadecimal, null if nobody did.
create function audit_actor() returns jsonb
language sql stable parallel safe as $$
    select convert_from(decode(nullif(current_setting('app.actor', true), ''), 'hex'), 'utf8')::jsonb
$$;

create function audit_write(
    ws bigint, kind text, object_id text, name text, change text, before jsonb, after jsonb, actor jsonb
) returns void
language sql as $$
    insert into audit (workspace_id, user_id, email, api_key_id, key_name, action, change, kind, object_id, name, before, after,
        ip, forwarded_for, user_agent, request_id, route)
    values (ws, (actor->>'user_id')::bigint, actor->>'email', (actor->>'api_key_id')::uuid, actor->>'key_name', actor->>'action', change,
        kind, object_id, name, before, after, actor->>'ip', actor->>'forwarded_for', actor->>'user_agent', actor->>'request_id',
        actor->>'route')
$$;

-- What somebody did that leaves no row of its own, as a flush or a replay. Nothing where nobody acts: runs have their log.
create function audit_note(ws bigint, kind text, object_id text, name text, change text, before jsonb, after jsonb) returns boolean
language plpgsql as $$
declare
    actor constant jsonb := audit_actor();
begin
    if actor is null then
        return false;
    end if;
    perform audit_write(ws, kind, object_id, name, change, before, after, actor);
    return true;
end
$$;

-- The trigger of audited tables. Its arguments: what a row is; its id and its name as expressions over the row $1; the columns that are shown; those
-- whose change is no news; `always`, or `asked` to leave out what nobody asked for. Of any other column it is told that it changed and never what
-- it held, so that a new one is hidden until somebody shows it. What nobody asked for and shows nothing (a key is turned, a token renewed) is no news.
-- Columns are read one by one: a row with json in it can't be turned into jsonb, which takes no NUL.
create function audit_row() returns trigger
language plpgsql as $$
declare
    actor constant jsonb := audit_actor();
    shown constant text[] := string_to_array(tg_argv[3], ' ');
    silent constant text[] := string_to_array(tg_argv[4], ' ') || '{workspace_id}';
    columns text;
    hidden text;
    before jsonb;
    after jsonb;
    changed text[];
    secret text[];
    change text;
    id text;
    name text;
    ws bigint;
begin
    if actor is null and tg_argv[5] = 'asked' then
        return null;
    end if;
    select string_agg(format('%L, ($1).%I', a.attname, a.attname), ', ') filter (where a.attname = any (shown)),
        string_agg(format('case when ($1).%1$I::text is distinct from ($2).%1$I::text then %1$L end', a.attname), ', ')
            filter (where a.attname <> all (shown || silent))
    into columns, hidden
    from pg_attribute a where a.attrelid = tg_relid and a.attnum > 0 and not a.attisdropped;
    if tg_op <> 'INSERT' then
        execute format('select jsonb_build_object(%s)', columns) into before using old;
    end if;
    if tg_op <> 'DELETE' then
        execute format('select jsonb_build_object(%s)', columns) into after using new;
    end if;
    change := case tg_op when 'INSERT' then 'created' when 'DELETE' then 'deleted' else 'changed' end;
    if tg_op = 'UPDATE' then
        select array_agg(key) into changed from jsonb_each(after) where value is distinct from before->key;
        if hidden is not null then
            execute format('select array_remove(array[%s]::text[], null)', hidden) into secret using old, new;
        end if;
        if changed is null and (cardinality(coalesce(secret, '{}')) = 0 or actor is null) then
            return null;
        end if;
        select coalesce(jsonb_object_agg(key, value), '{}') into before from jsonb_each(before) where key = any (changed);
        select coalesce(jsonb_object_agg(key, value), '{}') into after from jsonb_each(after) where key = any (changed);
        if 'revoked_at' = any (changed) then
            change := 'revoked';
        elsif after->>'status' = 'deleted' or after->>'state' = 'removed' then
            change := 'deleted';
        end if;
        select before || coalesce(jsonb_object_agg(one, '(hidden)'), '{}'), after || coalesce(jsonb_object_agg(one, '(hidden)'), '{}')
        into before, after from unnest(secret) one;
    end if;
    columns := format('select (%s)::text, (%s)::text, ($1).workspace_id', tg_argv[1], tg_argv[2]);
    if tg_op = 'DELETE' then
        execute columns into id, name, ws using old;
    else
        execute columns into id, name, ws using new;
    end if;
    perform audit_write(ws, tg_argv[0], id, name, change, before, after, actor);
    return null;
end
$$;

-- Every change of the table's rows is written down from now on: see audit_row.
create procedure audit_table(tab text, kind text, id text, name text, shown text, silent text, whom text default 'always')
language plpgsql as $$
begin
    execute format(
        'create trigger audited after insert or update or delete on %I for each row execute function audit_row(%L, %L, %L, %L, %L, %L)',
        tab, kind, id, name, shown, silent, whom);
end
$$;
revoke all on procedure audit_table from public;
revoke all on function audit_actor, audit_write, audit_note, audit_row from public;
grant execute on function audit_actor, audit_write, audit_note to ms_app, ms_engine;

call audit_table('workspaces', 'workspace', '($1).workspace_id', '($1).slug', 'slug name plan', 'created_at');
call audit_table('user_roles', 'member', '($1).user_id', '(select u.email from users u where u.user_id = ($1).user_id)', 'user_id role', 'created_at');
call audit_table('api_keys', 'api_key', '($1).api_key_id', '($1).name', 'name prefix role scopes user_id expires_at revoked_at',
    'api_key_id created_at last_used_at operation');
call audit_table('workflows', 'workflow', '($1).workflow_id', '($1).name', 'name status live_version max_concurrent_runs',
    'workflow_id created_at created_by updated_at deleted_at');
call audit_table('workflows_versions', 'version', '($1).workflow_id',
    '(select w.name from workflows w where w.workflow_id = ($1).workflow_id)', 'version revision content_hash note',
    'workflow_id document created_at created_by');
call audit_table('workflows_variables', 'variable', '($1).variable_id', '($1).name', 'name secret',
    'variable_id created_at updated_at updated_by');
call audit_table('workflows_app_queues', 'queue', '($1).queue_id', '($1).name',
    'name status flush_batch_size flush_record_max_age flush_rate_limit_max_flush_count flush_rate_limit_time_window flush_strategy '
    'ordering max_parallel_batches on_failure max_attempts dedupe_window consumer_workflow_id consumer_trigger_id',
    'queue_id former_workflow_id created_at created_by updated_at');
call audit_table('files', 'file', '($1).file_id', '($1).name', 'name mime_type state size sha256 tags expires_at',
    'file_id piece_size created_at created_by touched_at swept_at', 'asked');
call audit_table('connections', 'connection', '($1).connection_id', '($1).name',
    'name app kind allowed_hosts rate_count rate_per usable_by state reason provider_id',
    'connection_id secret_version token_version expires_at refresh_at lease_epoch lease_until rest_until created_at created_by updated_at');
call audit_table('connections_providers', 'connection_provider', '($1).provider_id', '($1).name', 'name',
    'provider_id created_at created_by updated_at');
call audit_table('interim_app_credentials', 'consent', '($1).connection_id',
    '(select c.name from connections c where c.connection_id = ($1).connection_id)', 'connection_id',
    'state_hash secret user_id created_at expires_at', 'asked');
