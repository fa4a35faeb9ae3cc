-- Which view reads which column of which table or view. A view without schema binding holds on to nothing and is
-- not here (r_CREATE_VIEW).
select distinct
    space.nspname as schema_name,
    relation.relname as relation_name,
    attribute.attname as column_name,
    reader_space.nspname as reader_schema,
    reader.relname as reader_name
from pg_depend as dependency
inner join pg_rewrite as rule on dependency.objid = rule.oid
inner join pg_class as reader on rule.ev_class = reader.oid
inner join pg_namespace as reader_space on reader.relnamespace = reader_space.oid
inner join pg_class as relation on dependency.refobjid = relation.oid
inner join pg_namespace as space on relation.relnamespace = space.oid
left join pg_attribute as attribute
    on dependency.refobjid = attribute.attrelid and dependency.refobjsubid = attribute.attnum
where
    reader.oid <> relation.oid
    and space.nspname in ('quality', 'staging', 'history', 'dimensions', 'facts', 'analytics');
