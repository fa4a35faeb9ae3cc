-- Forgets the older note of a table or view.
delete from quality.schema_objects
where name = %s; -- noqa: PRS
