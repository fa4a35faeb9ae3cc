-- Notes what was declared when a table or view was applied.
insert into quality.schema_objects (name, declared, catalogue, applied_at)
values (%s, %s, %s, getdate()); -- noqa: PRS
