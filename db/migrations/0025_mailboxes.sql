-- Mailboxes of connections that triggers read, and how far each was read.
--
--   live          the live version has the trigger with this connection
--   account       whose mailbox it was at the last look: that of somebody else begins anew
--   uid_validity, last_uid   the last mail that was taken in, as the server numbers them; null before the first look, which only finds where
--                 the end is, so that what lay there before starts nothing
--   since         mails that the server had before that day are passed over: until a mailbox that was numbered anew is read to its end
--   next_at       when it is looked at again; null while it isn't live or its workflow isn't active
--   lease_until   one process reads it until then; what that process found counts only under its lease_epoch
--   state, reason what became of the last look; failures: how many looks before failed as well
--
-- A mail's event and last_uid are one commit: each once, whoever dies. Rows are locked last: a deployment has its workflow and routes by then, whoever
-- changes a connection has that, and whoever reads has only written new events.
alter table workflow_email_routes add constraint workflow_email_routes_of_workspace unique (workspace_id, route_id);
create table workflow_mailboxes (
    workspace_id bigint not null,
    route_id uuid primary key,
    connection text not null,
    mailbox text not null,
    every_s double precision not null,
    afterwards text not null,
    live boolean not null,
    account text,
    uid_validity bigint,
    last_uid bigint not null default 0,
    since date,
    state text not null default 'new',
    reason text,
    failures integer not null default 0,
    looked_at timestamptz,
    next_at timestamptz,
    lease_epoch integer not null default 0,
    lease_until timestamptz,
    foreign key (workspace_id, route_id) references workflow_email_routes (workspace_id, route_id) on delete cascade,
    constraint workflow_mailboxes_afterwards check (afterwards in ('keep', 'seen')),
    constraint workflow_mailboxes_state check (state in ('new', 'ok', 'failing'))
);
create index workflow_mailboxes_due on workflow_mailboxes (next_at) where next_at is not null;

call protect_tenant_table('workflow_mailboxes');
grant select, insert, update, delete on workflow_mailboxes to ms_app, ms_engine;
