-- Who may try a piece of code: those who may save a step that has it.

insert into access_rights (role, action) values
    ('editor', 'code.try'), ('owner', 'code.try');
