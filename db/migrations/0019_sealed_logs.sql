-- A workspace may keep data of its runs encrypted: values are closed before they come here, and each says so itself (db/log_seal.py). What is written
-- while it doesn't stays as it is.
-- logs_encrypted_at: when it first did; from then on data of runs needs the keys that closed it.
alter table workspaces
    add column encrypt_logs boolean not null default false,
    add column logs_encrypted_at timestamptz;

drop trigger audited on workspaces;
call audit_table('workspaces', 'workspace', '($1).workspace_id', '($1).slug', 'slug name plan encrypt_logs', 'created_at logs_encrypted_at');
