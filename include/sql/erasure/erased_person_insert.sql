-- The operator binds key and pseudonym.
insert into erased_person (customer_id, pseudonym)
values (%s, %s); -- noqa: PRS
