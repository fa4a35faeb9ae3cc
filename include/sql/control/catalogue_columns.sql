-- Columns of tables and views with their types and comments (r_SVV_COLUMNS).
select
    table_schema,
    table_name,
    column_name,
    data_type,
    character_maximum_length,
    numeric_precision,
    numeric_scale,
    is_nullable,
    column_default,
    remarks
from svv_columns
where table_schema in ('quality', 'staging', 'history', 'dimensions', 'facts', 'analytics')
order by table_schema, table_name, ordinal_position;
