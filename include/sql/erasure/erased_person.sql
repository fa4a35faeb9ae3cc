-- The person of the erasure, for the other statements of the session.
create temp table erased_person (
    customer_id varchar(64) not null,
    pseudonym varchar(64) not null
);
