-- fragment: columns
file_id, name, mime_type, piece_size, size, sha256, tags, created_at, expires_at

-- name: begin (app, engine)
-- A new upload, before its first object.
insert into files (workspace_id, file_id, name, mime_type, piece_size, created_by)
values (:workspace_id, :file_id, :name, :mime_type, :piece_size, :created_by);

-- name: touch (app, engine)
-- The upload lives; no row when it was given up.
update files set touched_at = now() where workspace_id = :workspace_id and file_id = :file_id and state = 'uploading'
returning true;

-- name: finish (app, engine)
-- All objects are there: the file may be read. No row when the upload was given up.
update files set state = 'ready', name = :name, mime_type = :mime_type, size = :size, sha256 = :sha256, tags = :tags, touched_at = now(),
    expires_at = case when :ttl_s::double precision is null then null else now() + make_interval(secs => :ttl_s) end
where workspace_id = :workspace_id and file_id = :file_id and state = 'uploading'
returning {columns};

-- name: give_up (app, engine)
-- The upload failed; the sweeper takes what it left.
update files set state = 'removed' where workspace_id = :workspace_id and file_id = :file_id and state = 'uploading';

-- name: get (app, engine)
-- A file that may be read.
select {columns} from files
where workspace_id = :workspace_id and file_id = :file_id and state = 'ready' and (expires_at is null or expires_at > now());

-- name: expired (app, engine)
-- Whether there was such a file and its time is over, as long as its row is there.
select true from files where workspace_id = :workspace_id and file_id = :file_id and size is not null and expires_at <= now();

-- name: list (app, engine)
-- Files by id, the newest first: those that have all the tags, and the words in their name.
select {columns} from files
where workspace_id = :workspace_id and state = 'ready' and (expires_at is null or expires_at > now())
    and (:before::uuid is null or file_id < :before)
    and (cardinality(:tags::text[]) = 0 or tags @> :tags)
    and (:name::text is null or position(lower(:name) in lower(name)) > 0)
order by file_id desc
limit :most;

-- name: existing (app, engine)
-- Which of these files may be read.
select file_id from files
where workspace_id = :workspace_id and file_id = any (:file_ids::uuid[]) and state = 'ready'
    and (expires_at is null or expires_at > now());

-- name: change (app, engine)
-- Other name, tags or expiry: a part that isn't to change is told by its flag.
update files set
    name = coalesce(:name, name),
    tags = coalesce(:tags::text[], tags),
    expires_at = case
        when not :expiry then expires_at
        when :ttl_s::double precision is null then null
        else now() + make_interval(secs => :ttl_s)
    end
where workspace_id = :workspace_id and file_id = :file_id and state = 'ready' and (expires_at is null or expires_at > now())
returning {columns};

-- name: remove (app, engine)
-- The file can't be read any more; the sweeper takes its objects.
update files set state = 'removed', expires_at = null where workspace_id = :workspace_id and file_id = :file_id and state = 'ready'
    and (expires_at is null or expires_at > now())
returning true;

-- name: answered (app, engine)
-- What a write of that operation answered before.
select answer from file_operations where workspace_id = :workspace_id and operation = :operation and expires_at > now();

-- name: answer (app, engine)
-- Keep what a write answered, unless another one of the same operation came first; no row then.
insert into file_operations as o (workspace_id, operation, answer, expires_at)
values (:workspace_id, :operation, :answer, now() + make_interval(secs => :kept_s))
on conflict (workspace_id, operation) do update set answer = excluded.answer, expires_at = excluded.expires_at
where o.expires_at <= now()
returning true;

-- name: expire (engine)
-- Files whose time is over can't be read any more.
with picked as (
    select file_id from files where state = 'ready' and expires_at < now() limit :most for update skip locked
)
update files f set state = 'removed' from picked p where f.file_id = p.file_id;

-- name: abandon (engine)
-- Uploads that nobody has touched for an hour: whoever made them is gone, or will find that they were given up.
with picked as (
    select file_id from files where state = 'uploading' and touched_at < now() - make_interval(secs => :silent_s)
    limit :most for update skip locked
)
update files f set state = 'removed' from picked p where f.file_id = p.file_id;

-- name: bereave (engine)
-- Files of workspaces that are gone.
with picked as (
    select f.file_id from files f
    where f.state <> 'removed' and not exists (select from workspaces w where w.workspace_id = f.workspace_id)
    limit :most for update of f skip locked
)
update files f set state = 'removed' from picked p where f.file_id = p.file_id;

-- name: to_sweep (engine)
-- Files whose objects are to be taken away, for the first or the second time.
select workspace_id, file_id, swept_at is not null as swept from files
where state = 'removed' and (swept_at is null or swept_at < now() - make_interval(secs => :again_s))
order by swept_at nulls first
limit :most;

-- name: swept (engine)
-- Their objects were taken away for the first time.
update files set swept_at = now() where file_id = any (:file_ids::uuid[]) and state = 'removed' and swept_at is null;

-- name: forget (engine)
-- Their objects were taken away again: nothing can be left of them.
delete from files where file_id = any (:file_ids::uuid[]) and state = 'removed' and swept_at is not null;

-- name: old_operations (engine)
-- Answers that are kept no longer.
delete from file_operations where (workspace_id, operation) in (
    select workspace_id, operation from file_operations where expires_at < now() limit :most);
