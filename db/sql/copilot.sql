-- fragment: conversation
    c.workspace_id, c.conversation_id, c.asker, c.title, c.workflow_id, w.name as workflow, c.run_id, c.last_seq, c.created_at, c.updated_at

-- fragment: turn
    t.workspace_id, t.turn_id, t.conversation_id, t.answer_id, t.asker, t.status, t.created_at, t.started_at, t.cancel_requested_at,
    t.finished_at, t.error

-- name: create (app)
-- A conversation, about a workflow, a run, or nothing.
insert into copilot_conversations (workspace_id, conversation_id, asker, title, workflow_id, run_id)
values (:workspace_id, :conversation_id, :asker, :title, :workflow_id, :run_id);

-- name: list_conversations (app)
-- Of one asker, newest first.
select {conversation}
from copilot_conversations c left join workflows w on w.workflow_id = c.workflow_id
where c.workspace_id = :workspace_id and c.asker = :asker and c.conversation_id < :below
order by c.conversation_id desc
limit :most;

-- name: get (app, engine)
-- One, whoever's it is.
select {conversation}
from copilot_conversations c left join workflows w on w.workflow_id = c.workflow_id
where c.workspace_id = :workspace_id and c.conversation_id = :conversation_id;

-- name: delete (app)
-- With all that was said in it.
delete from copilot_conversations where workspace_id = :workspace_id and conversation_id = :conversation_id;

-- name: entitle (engine)
-- Gives it a title, if it has none.
update copilot_conversations set title = :title where workspace_id = :workspace_id and conversation_id = :conversation_id and title is null;

-- name: begin_turn (app)
-- A turn, unless one is under way.
insert into copilot_turns (workspace_id, turn_id, conversation_id, answer_id, asker)
values (:workspace_id, :turn_id, :conversation_id, :answer_id, :asker)
on conflict (conversation_id) where status = 'in_progress' do nothing;

-- name: put_message (app, engine)
-- What somebody says, or is about to.
insert into copilot_messages (workspace_id, message_id, conversation_id, turn_id, role, content, subject, status)
values (:workspace_id, :message_id, :conversation_id, :turn_id, :role, :content, :subject, :status);

-- name: open_turn (app)
-- The one that is under way.
select turn_id from copilot_turns where conversation_id = :conversation_id and workspace_id = :workspace_id and status = 'in_progress';

-- name: turn (app, engine)
-- One turn.
select {turn} from copilot_turns t where t.workspace_id = :workspace_id and t.turn_id = :turn_id;

-- name: hold_turn (engine)
-- One turn, for nobody else until the transaction's end.
select {turn} from copilot_turns t where t.workspace_id = :workspace_id and t.turn_id = :turn_id for update;

-- name: started (engine)
-- Temporal has it.
update copilot_turns set started_at = coalesce(started_at, now()), looked_at = now()
where workspace_id = :workspace_id and turn_id = :turn_id and status = 'in_progress';

-- name: unattended (engine)
-- Turns that wait to be started, and those that nobody looked after for a while.
select {turn}
from copilot_turns t
where t.status = 'in_progress' and t.created_at < now() - make_interval(secs => :young_s)
    and (t.started_at is null or t.looked_at < now() - make_interval(secs => :silent_s))
order by t.created_at
limit :most;

-- name: request_cancel (app)
-- Somebody wants no more of it.
update copilot_turns set cancel_requested_at = coalesce(cancel_requested_at, now())
where workspace_id = :workspace_id and turn_id = :turn_id and status = 'in_progress';

-- name: end_turn (engine)
-- How it ended.
update copilot_turns set status = :status, finished_at = now(), error = :error
where workspace_id = :workspace_id and turn_id = :turn_id and status = 'in_progress';

-- name: end_message (engine)
-- All that the answer says.
update copilot_messages set content = :content, status = :status, widget = :widget, options = :options
where workspace_id = :workspace_id and message_id = :message_id;

-- name: messages (app, engine)
-- Of a conversation, oldest first, after one.
select message_id, turn_id, role, content, widget, options, subject, status, created_at
from copilot_messages
where workspace_id = :workspace_id and conversation_id = :conversation_id and message_id > :above
order by message_id
limit :most;

-- name: put_step (engine)
-- What the model said, once.
insert into copilot_turn_steps (workspace_id, turn_id, step, text, calls, finish, tokens, cost_usd)
values (:workspace_id, :turn_id, :step, :text, :calls, :finish, :tokens, :cost_usd)
on conflict (turn_id, step) do nothing;

-- name: steps (engine)
-- What the model said in a conversation, in its order.
select s.turn_id, s.step, s.text, s.calls, s.finish, s.tokens
from copilot_turn_steps s join copilot_turns t on t.turn_id = s.turn_id
where t.workspace_id = :workspace_id and t.conversation_id = :conversation_id
order by s.turn_id, s.step;

-- name: put_tool_call (engine)
-- What came of a tool, once.
insert into copilot_tool_calls (workspace_id, turn_id, step, position, name, content, fact, error, ends)
values (:workspace_id, :turn_id, :step, :position, :name, :content, :fact, :error, :ends)
on conflict (turn_id, step, position) do nothing;

-- name: tool_calls (engine)
-- What came of the tools in a conversation, in its order.
select k.turn_id, k.step, k.position, k.name, k.content, k.fact, k.error, k.ends
from copilot_tool_calls k join copilot_turns t on t.turn_id = k.turn_id
where t.workspace_id = :workspace_id and t.conversation_id = :conversation_id
order by k.turn_id, k.step, k.position;

-- name: take_seqs (app, engine)
-- Numbers for so many events; whoever has them goes first, until the transaction's end.
update copilot_conversations set last_seq = last_seq + :count, updated_at = now()
where workspace_id = :workspace_id and conversation_id = :conversation_id
returning last_seq;

-- name: put_event (app, engine)
-- One event.
insert into copilot_events (workspace_id, conversation_id, seq, turn_id, event)
values (:workspace_id, :conversation_id, :seq, :turn_id, :event);

-- name: events (app)
-- Those after a number.
select seq, turn_id, event
from copilot_events
where workspace_id = :workspace_id and conversation_id = :conversation_id and seq > :after
order by seq
limit :most;

-- name: context (engine)
-- What is carried on of one kind.
select x.context_id, x.body, x.covers
from copilot_task_contexts x
where x.workspace_id = :workspace_id and x.conversation_id = :conversation_id and x.kind = :kind and x.superseded_by is null;

-- name: supersede_context (engine)
-- Another one takes its place.
update copilot_task_contexts set superseded_by = :context_id
where workspace_id = :workspace_id and conversation_id = :conversation_id and kind = :kind and superseded_by is null;

-- name: put_context (engine)
-- What is carried on from here.
insert into copilot_task_contexts (workspace_id, context_id, conversation_id, kind, body, tokens, covers, model, prompt)
values (:workspace_id, :context_id, :conversation_id, :kind, :body, :tokens, :covers, :model, :prompt);
