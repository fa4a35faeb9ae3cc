-- Whom an erasure is about, for the session's other statements.
create temp table erased_person (
    customer_id varchar(64) not null,
    pseudonym varchar(64) not null
);
