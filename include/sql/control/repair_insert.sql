-- Notes that a repair was applied.
insert into quality.schema_migrations (version, checksum, applied_at)
values (%s, %s, getdate()); -- noqa: PRS
