-- Queries of views, as the warehouse shows them.
select
    space.nspname as schema_name,
    relation.relname as view_name,
    pg_get_viewdef(relation.oid) as definition
from pg_class as relation
inner join pg_namespace as space on relation.relnamespace = space.oid
where
    relation.relkind = 'v'
    and space.nspname in ('quality', 'staging', 'history', 'dimensions', 'facts', 'analytics')
order by 1, 2;
