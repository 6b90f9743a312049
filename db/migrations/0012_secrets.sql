-- Secret variables: their values are closed by the workspace's data key, and open only for an attempt that may read them.

-- value of a secret is its shape: each leaf a mask, so that what never sees the secret still sees an object where it is one.
-- former is what the secret was before its last change, so that a run which has used it goes on hiding it; both are closed
-- for the place workflows_variables.closed of the row.
alter table workflows_variables
    add column secret boolean not null default false,
    add column closed bytea,
    add column former bytea,
    add constraint workflows_variables_secret_is_closed check (secret = (closed is not null)),
    add constraint workflows_variables_former_is_of_a_secret check (secret or former is null);

insert into access_rights (role, action) values ('owner', 'secrets.write');
