-- Distribution key, sort key and encoding of columns (r_SVV_REDSHIFT_COLUMNS).
select
    schema_name,
    table_name,
    column_name,
    encoding,
    distkey,
    sortkey
from svv_redshift_columns
where
    database_name = current_database()
    and schema_name in ('quality', 'staging', 'history', 'dimensions', 'facts', 'analytics')
order by schema_name, table_name, ordinal_position;
