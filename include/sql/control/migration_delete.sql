-- Forgets the older version of a file that was applied again.
delete from quality.schema_migrations
where version = %s; -- noqa: PRS
