-- Triggers that ask another system again and again what is new there.

-- A row stays as long as its workflow, with all that it knows; it is live while the live version has the trigger.
--
--   next_at       when it asks next; null: it isn't live, or its workflow is paused
--   lease_until   until then somebody is asking; the epoch tells his answer from that of one who took over
--   cursor        what the last answer gave, for the next question; closed where data of runs is
--   error         why it fails since `failures` tries
create table polls (
    workspace_id bigint not null,
    poll_id uuid primary key,
    workflow_id uuid not null,
    trigger_id text not null,
    live boolean not null,
    every_s double precision not null,
    next_at timestamptz,
    lease_epoch integer not null default 0,
    lease_until timestamptz,
    cursor json,
    asked_at timestamptz,
    answered_at timestamptz,
    failures integer not null default 0,
    error json,
    created_at timestamptz not null default now(),
    unique (workflow_id, trigger_id),
    foreign key (workspace_id, workflow_id) references workflows (workspace_id, workflow_id) on delete cascade,
    constraint polls_next_is_live check (next_at is null or live)
);
create index polls_due on polls (next_at) where next_at is not null;
create index polls_newest on polls (workspace_id, poll_id desc);

-- What a poll has seen: each key once, as long as answers go on to name it, and thirty days longer.
create table poll_keys (
    workspace_id bigint not null,
    poll_id uuid not null references polls (poll_id) on delete cascade,
    key text not null,
    seen_at timestamptz not null default now(),
    primary key (poll_id, key)
);
create index poll_keys_seen on poll_keys (seen_at);

call protect_tenant_table('polls');
call protect_tenant_table('poll_keys');
grant select, insert, update, delete on polls, poll_keys to ms_app, ms_engine;

insert into access_rights (role, action) values
    ('viewer', 'polls.read'), ('editor', 'polls.read'), ('owner', 'polls.read'),
    ('editor', 'polls.write'), ('owner', 'polls.write');
