-- Schemas of the warehouse with their comments.
select
    space.nspname as schema_name,
    obj_description(space.oid, 'pg_namespace') as remarks
from pg_namespace as space
where space.nspname in ('quality', 'staging', 'history', 'dimensions', 'facts', 'analytics');
