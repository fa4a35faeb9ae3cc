-- Primary and foreign keys that are declared in the warehouse.
select
    space.nspname as schema_name,
    relation.relname as relation_name,
    declared.conname as constraint_name,
    pg_get_constraintdef(declared.oid) as definition
from pg_constraint as declared
inner join pg_class as relation on declared.conrelid = relation.oid
inner join pg_namespace as space on relation.relnamespace = space.oid
where
    declared.contype in ('p', 'f')
    and space.nspname in ('quality', 'staging', 'history', 'dimensions', 'facts', 'analytics')
order by 1, 2, 3;
