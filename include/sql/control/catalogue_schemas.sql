-- Schemas of the warehouse with their comments.
select
    nspname as schema_name,
    obj_description(oid, 'pg_namespace') as remarks
from pg_namespace
where nspname in ('quality', 'staging', 'history', 'dimensions', 'facts', 'analytics');
