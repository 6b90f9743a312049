-- Files: rows here, bytes in the store of objects (workspace/files/objects.py).
--
--   files             a file: what it is called, what it is, how long it is kept
--   file_operations   what each keyed write and deletion answered, so that its repeat changes nothing
--
-- A file:   uploading ──finish──► ready ──(deleted, or its time is over)──► removed ──sweep──► removed, swept ──sweep, a day later──► gone
--               └──(given up, or nobody has touched it for an hour)─────────►
--
-- Invariants:
-- - The row is there before the first object and after the last one: there is no object without a row, ever, and a sweeper finds all by the rows.
-- - A row is ready only once all its objects are there. Nothing leads out of removed, so an upload that was given up can't become ready later.
-- - A swept row stays for a day and is swept again: an object that was on its way to the store when the first sweep came is taken by the second.
-- - Rows refer to no workspace: they outlive it until their objects are gone.
--
-- Lock order: a file's row, then its operation.

create table files (
    workspace_id bigint not null,
    file_id uuid primary key,
    name text not null,
    mime_type text not null,
    state text not null default 'uploading',
    -- Bytes of each object but the last one, which may be shorter.
    piece_size integer not null,
    size bigint,
    sha256 text,
    tags text[] not null default '{}',
    created_at timestamptz not null default now(),
    created_by bigint references users on delete set null,
    expires_at timestamptz,
    -- Of an upload: when it last showed that it lives.
    touched_at timestamptz not null default now(),
    -- Of a removed one: when its objects were first taken away.
    swept_at timestamptz,
    constraint files_state check (state in ('uploading', 'ready', 'removed')),
    constraint files_ready_is_whole check (state <> 'ready' or (size is not null and sha256 is not null)),
    constraint files_swept_is_removed check (swept_at is null or state = 'removed'),
    constraint files_name check (length(name) between 1 and 255),
    constraint files_piece_size check (piece_size > 0)
);
create index files_listed on files (workspace_id, file_id desc) where state = 'ready';
create index files_tags on files using gin (tags) where state = 'ready';
create index files_expiry on files (expires_at) where state = 'ready' and expires_at is not null;
create index files_uploads on files (touched_at) where state = 'uploading';
create index files_removed on files (swept_at nulls first) where state = 'removed';

create table file_operations (
    workspace_id bigint not null,
    operation text not null,
    answer json not null,
    expires_at timestamptz not null,
    primary key (workspace_id, operation)
);
create index file_operations_expiry on file_operations (expires_at);

call protect_tenant_table('files');
call protect_tenant_table('file_operations');

grant select, insert, update, delete on files, file_operations to ms_app, ms_engine;

insert into access_rights (role, action) values
    ('viewer', 'files.read'), ('editor', 'files.read'), ('owner', 'files.read'),
    ('editor', 'files.write'), ('owner', 'files.write'),
    ('editor', 'files.delete'), ('owner', 'files.delete');
