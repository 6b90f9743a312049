-- name: within (engine)
-- Closed values of a workspace but queue items, after a place, that are closed under a number from :lowest on and below :below.
select v.field, v.row, v.closed from (
    select 'workflows_variables.closed' as field, s.variable_id::text as row, s.closed
    from workflows_variables s where s.workspace_id = :workspace_id
    union all
    select 'workflows_variables.former', s.variable_id::text, s.former
    from workflows_variables s where s.workspace_id = :workspace_id
    union all
    select 'connections.secret', c.connection_id::text, c.secret from connections c where c.workspace_id = :workspace_id
    union all
    select 'connections.tokens', c.connection_id::text, c.tokens from connections c where c.workspace_id = :workspace_id
    union all
    select 'connections_providers.client_secret', p.provider_id::text, p.client_secret
    from connections_providers p where p.workspace_id = :workspace_id
    union all
    select 'interim_app_credentials.secret', encode(i.state_hash, 'hex'), i.secret
    from interim_app_credentials i where i.workspace_id = :workspace_id
    union all
    select 'llm_bodies.body', b.hash, b.body from llm_bodies b where b.workspace_id = :workspace_id
) as v
where v.closed >= :lowest and v.closed < :below and (v.field, v.row) > (:after_field, :after_row)
order by v.field, v.row
limit :most;

-- name: put_variable (engine)
-- A secret's other ciphertext, where it still has this one.
update workflows_variables set closed = :fresh
where workspace_id = :workspace_id and variable_id = (:row::text)::uuid and closed = :former;

-- name: put_former_variable (engine)
-- The same of what the secret was before.
update workflows_variables set former = :fresh
where workspace_id = :workspace_id and variable_id = (:row::text)::uuid and former = :former;

-- name: put_connection (engine)
-- A connection's other ciphertext, where it still has this one.
update connections set secret = :fresh
where workspace_id = :workspace_id and connection_id = (:row::text)::uuid and secret = :former;

-- name: put_tokens (engine)
-- The same of its tokens.
update connections set tokens = :fresh
where workspace_id = :workspace_id and connection_id = (:row::text)::uuid and tokens = :former;

-- name: put_provider (engine)
-- The same of an OAuth client.
update connections_providers set client_secret = :fresh
where workspace_id = :workspace_id and provider_id = (:row::text)::uuid and client_secret = :former;

-- name: put_consent (engine)
-- The same of a consent under way.
update interim_app_credentials set secret = :fresh
where workspace_id = :workspace_id and state_hash = decode(:row, 'hex') and secret = :former;

-- name: put_llm_body (engine)
-- The same of what was sent to a model or came back, where that is closed.
update llm_bodies set body = :fresh where workspace_id = :workspace_id and hash = :row and body = :former;

-- name: queues (engine)
-- The queues of a workspace.
select queue_id from workflows_app_queues where workspace_id = :workspace_id order by queue_id;

-- name: items_within (engine)
-- Some items of a queue after one; null for those that are closed under another number.
select item_id, closed from items_closed_within(:queue_id, :after, :lowest, :below);

-- name: put_items (engine)
-- Items' other ciphertexts, where they still have these; how many.
select close_items_anew(:queue_id, :item_ids, :formers, :fresh);
