select count(*)
from pg_catalog.pg_tables
where schemaname = 'quality' and tablename = 'schema_migrations'
