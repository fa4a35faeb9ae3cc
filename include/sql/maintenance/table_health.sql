-- The work that VACUUM and ANALYZE would have in each table: rows marked as deleted, rows out of sort order (percent),
-- and how far the planner's statistics are off (percent). Needs a superuser to see tables of others.
select
    schema as schema_name,
    "table" as table_name,
    tbl_rows as stored_rows,
    estimated_visible_rows as visible_rows,
    size as size_mb,
    coalesce(unsorted, 0) as unsorted_percent,
    coalesce(stats_off, 0) as stats_off_percent,
    coalesce(skew_rows, 1) as skew
from svv_table_info
where schema in ('staging', 'history', 'dimensions', 'facts', 'analytics', 'quality')
order by schema_name, table_name;
