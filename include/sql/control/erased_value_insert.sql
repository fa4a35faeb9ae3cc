-- The operator binds the value.
insert into erased_value (value)
values (%s); -- noqa: PRS
