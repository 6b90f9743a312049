-- name: note (app, engine)
-- What was done that leaves no row of its own; false where nobody acts.
select audit_note(:workspace_id::bigint, :kind::text, :object_id::text, :name::text, :change::text, :before::jsonb, :after::jsonb);

-- name: page (app)
-- The trail of a workspace, newest first, after a place in it.
select audit_id, at, user_id, email, api_key_id, key_name, action, change, kind, object_id, name, before, after, ip, forwarded_for,
    user_agent, request_id, route
from audit
where workspace_id = :workspace_id
    and (at, audit_id) < (coalesce(:before_at::timestamptz, 'infinity'), coalesce(:before_id::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    and (:since::timestamptz is null or at >= :since)
    and (:until::timestamptz is null or at < :until)
    and (:kind::text is null or kind = :kind)
    and (:object::text is null or object_id = :object or name = :object)
    and (:action::text is null or action = :action)
    and (:change::text is null or change = :change)
    and (:who::text is null or lower(email) = lower(:who) or api_key_id::text = :who or user_id::text = :who or key_name = :who)
order by at desc, audit_id desc
limit :most;

-- name: delete_old (engine)
-- Rows that are kept no longer, some of them.
with picked as (
    select workspace_id, at, audit_id from audit where at < now() - make_interval(days => :days) order by at limit :most
)
delete from audit a using picked p where (a.workspace_id, a.at, a.audit_id) = (p.workspace_id, p.at, p.audit_id);
