-- fragment: columns
    a.workspace_id, a.approval_id, a.conversation_id, a.turn_id, a.action, a.workflow, a.content_hash, a.change_set, a.status, a.created_at,
    a.decided_at, a.decided_by, a.parts, a.reason, a.result

-- name: put (engine)
-- Something for a person to decide.
insert into copilot_approvals (workspace_id, approval_id, conversation_id, turn_id, action, workflow, content_hash, change_set)
values (:workspace_id, :approval_id, :conversation_id, :turn_id, :action, :workflow, :content_hash, :change_set);

-- name: get (app)
-- One.
select {columns} from copilot_approvals a where a.workspace_id = :workspace_id and a.approval_id = :approval_id;

-- name: hold (app)
-- One, for nobody else until the transaction's end.
select {columns} from copilot_approvals a where a.workspace_id = :workspace_id and a.approval_id = :approval_id for update;

-- name: list_approvals (app, engine)
-- Of a conversation, newest first.
select {columns}
from copilot_approvals a
where a.workspace_id = :workspace_id and a.conversation_id = :conversation_id
order by a.approval_id desc
limit :most;

-- name: decide (app)
-- What a person decided.
update copilot_approvals set status = :status, decided_at = now(), decided_by = :decided_by, parts = :parts, reason = :reason
where workspace_id = :workspace_id and approval_id = :approval_id and status = 'open';

-- name: settle (app)
-- What came of it.
update copilot_approvals set status = :status, result = :result
where workspace_id = :workspace_id and approval_id = :approval_id and status = 'approved';

-- name: void (engine)
-- What was asked before about the same counts no more.
update copilot_approvals set status = 'void'
where workspace_id = :workspace_id and conversation_id = :conversation_id and workflow = :workflow and action = :action and status = 'open';
