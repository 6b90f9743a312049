-- name: take (app, engine)
-- The next start under a key: its time and the seconds until then; 0 when it was given now.
select extract(epoch from t.due)::double precision as due, t.wait_s
from take_start(:workspace_id, :key, :count, :per_s, :reserve) t;

-- name: expired (engine)
-- Histories that hold nobody up any more.
with picked as (
    select l.workspace_id, l.key from rate_ledger l where l.expires_at < present() limit :most
    for update skip locked
)
delete from rate_ledger r using picked p where (r.workspace_id, r.key) = (p.workspace_id, p.key);
