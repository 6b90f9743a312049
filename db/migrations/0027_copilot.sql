-- Conversations with the copilot. What was said and done is kept as facts in the order in which they happened, so that a turn that breaks off
-- goes on where it was, and whoever watched and was away sees what they missed.

-- `asker` is who talks: `user:<id>`, or `key:<id>` for a key without a person. Nobody else sees it. `last_seq`: of its newest event.
create table copilot_conversations (
    workspace_id bigint not null references workspaces,
    conversation_id uuid primary key,
    asker text not null,
    title text,
    workflow_id uuid,
    run_id uuid,
    last_seq bigint not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    foreign key (workspace_id, workflow_id) references workflows (workspace_id, workflow_id) on delete cascade
);
create unique index copilot_conversations_owner on copilot_conversations (workspace_id, conversation_id);
create index copilot_conversations_asker on copilot_conversations (workspace_id, asker, conversation_id);
create index copilot_conversations_workflow on copilot_conversations (workspace_id, workflow_id);

-- One question and all that is done to answer it, for a person and with their role. `started_at`: Temporal has it.
create table copilot_turns (
    workspace_id bigint not null,
    turn_id uuid primary key,
    conversation_id uuid not null,
    answer_id uuid not null,
    asker json not null,
    status text not null default 'in_progress',
    created_at timestamptz not null default now(),
    started_at timestamptz,
    looked_at timestamptz,
    cancel_requested_at timestamptz,
    finished_at timestamptz,
    error json,
    foreign key (workspace_id, conversation_id) references copilot_conversations (workspace_id, conversation_id) on delete cascade,
    constraint copilot_turns_status check (status in ('in_progress', 'completed', 'failed', 'cancelled')),
    constraint copilot_turns_end check ((status = 'in_progress') = (finished_at is null))
);
create unique index copilot_turns_one_at_a_time on copilot_turns (conversation_id) where status = 'in_progress';
create index copilot_turns_of on copilot_turns (workspace_id, conversation_id, turn_id);
create index copilot_turns_open on copilot_turns (created_at) where status = 'in_progress';

-- `widget`: what is shown beside the text, as a change set to approve; `options`: answers to choose from; `subject`: what it is about.
create table copilot_messages (
    workspace_id bigint not null,
    message_id uuid primary key,
    conversation_id uuid not null,
    turn_id uuid not null references copilot_turns on delete cascade,
    role text not null,
    content text not null default '',
    widget json,
    options json,
    subject json,
    status text not null,
    created_at timestamptz not null default now(),
    constraint copilot_messages_role check (role in ('user', 'assistant')),
    constraint copilot_messages_status check (status in ('in_progress', 'completed', 'failed', 'cancelled'))
);
create index copilot_messages_of on copilot_messages (workspace_id, conversation_id, message_id);
create index copilot_messages_turn on copilot_messages (turn_id);

-- What the model said at each step of a turn: its text, and the tools that it asked for, as it wrote them.
create table copilot_turn_steps (
    workspace_id bigint not null,
    turn_id uuid not null references copilot_turns on delete cascade,
    step integer not null,
    text text not null,
    calls json not null,
    finish text not null,
    tokens integer,
    cost_usd numeric,
    created_at timestamptz not null default now(),
    primary key (turn_id, step)
);

-- What came of the tools. The call at `position` of a step is made once: whoever makes it again finds what it gave.
create table copilot_tool_calls (
    workspace_id bigint not null,
    turn_id uuid not null references copilot_turns on delete cascade,
    step integer not null,
    position integer not null,
    name text not null,
    content json not null,
    fact json,
    error text,
    ends boolean not null,
    created_at timestamptz not null default now(),
    primary key (turn_id, step, position)
);

-- What is told to whoever watches, in its order.
create table copilot_events (
    workspace_id bigint not null,
    conversation_id uuid not null,
    seq bigint not null,
    turn_id uuid not null,
    event json not null,
    primary key (conversation_id, seq),
    foreign key (workspace_id, conversation_id) references copilot_conversations (workspace_id, conversation_id) on delete cascade
);

-- What of a conversation is carried on in other words: `summary` stands for all turns up to and with `covers`.
create table copilot_task_contexts (
    workspace_id bigint not null,
    context_id uuid primary key,
    conversation_id uuid not null,
    kind text not null,
    body text not null,
    tokens integer,
    covers uuid not null,
    model text,
    prompt text not null,
    superseded_by uuid,
    created_at timestamptz not null default now(),
    foreign key (workspace_id, conversation_id) references copilot_conversations (workspace_id, conversation_id) on delete cascade,
    constraint copilot_task_contexts_kind check (kind in ('goal', 'facts', 'decisions', 'open_items', 'summary'))
);
create unique index copilot_task_contexts_live on copilot_task_contexts (conversation_id, kind) where superseded_by is null;
create index copilot_task_contexts_of on copilot_task_contexts (workspace_id, conversation_id);

-- What a person is asked to decide: `content_hash` says of what exactly, and nothing else is done by it. `done`: it was approved and carried out.
create table copilot_approvals (
    workspace_id bigint not null,
    approval_id uuid primary key,
    conversation_id uuid not null,
    turn_id uuid not null references copilot_turns on delete cascade,
    action text not null,
    workflow text not null,
    content_hash text not null,
    change_set json not null,
    status text not null default 'open',
    created_at timestamptz not null default now(),
    decided_at timestamptz,
    decided_by json,
    parts json,
    reason text,
    result json,
    foreign key (workspace_id, conversation_id) references copilot_conversations (workspace_id, conversation_id) on delete cascade,
    constraint copilot_approvals_status check (status in ('open', 'refused', 'approved', 'done', 'failed', 'void')),
    constraint copilot_approvals_decision check ((status in ('open', 'void')) = (decided_at is null))
);
create index copilot_approvals_of on copilot_approvals (workspace_id, conversation_id, approval_id);
create index copilot_approvals_turn on copilot_approvals (turn_id);

call protect_tenant_table('copilot_task_contexts');
call protect_tenant_table('copilot_approvals');
call protect_tenant_table('copilot_conversations');
call protect_tenant_table('copilot_turns');
call protect_tenant_table('copilot_messages');
call protect_tenant_table('copilot_turn_steps');
call protect_tenant_table('copilot_tool_calls');
call protect_tenant_table('copilot_events');
grant select, insert, update, delete on copilot_conversations, copilot_turns, copilot_messages, copilot_turn_steps, copilot_tool_calls,
    copilot_events, copilot_task_contexts, copilot_approvals to ms_app, ms_engine;

call audit_table('copilot_conversations', 'conversation', '($1).conversation_id', '($1).title', 'title workflow_id run_id',
    'conversation_id asker last_seq created_at updated_at');
call audit_table('copilot_approvals', 'approval', '($1).approval_id', '($1).workflow', 'action workflow content_hash status parts reason',
    'approval_id conversation_id turn_id change_set created_at decided_at decided_by result');

insert into access_rights (role, action) values
    ('viewer', 'copilot.use'), ('editor', 'copilot.use'), ('owner', 'copilot.use');
