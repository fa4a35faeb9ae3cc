-- Tables and views with their distribution, comment and owner (r_PG_CLASS_INFO).
select
    space.nspname as schema_name,
    relation.relname as relation_name,
    relation.relkind as relation_kind,
    relation.releffectivediststyle as distribution,
    obj_description(relation.reloid, 'pg_class') as remarks,
    pg_get_userbyid(relation.relowner) as owner_name
from pg_class_info as relation
inner join pg_namespace as space on relation.relnamespace = space.oid
where
    relation.relkind in ('r', 'v')
    and space.nspname in ('quality', 'staging', 'history', 'dimensions', 'facts', 'analytics')
order by 1, 2;
