-- name: post (app, engine)
-- Take the body that ends a step's wait; the first one stays.
select post_resume(:workspace_id, :run_id, :path, :body);

-- name: get (app, engine)
-- What was posted for a step.
select path, body, posted_at from workflow_resumes
where run_id = :run_id and path = :path and workspace_id = :workspace_id;
