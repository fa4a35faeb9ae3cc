-- The slowest queries of the last seven days, seconds. query_label is the query group: DAG, task, run and try of queries
-- of this package. SYS_QUERY_HISTORY replaces STL_QUERY, which has neither total_time nor rows, and also exists on
-- Redshift Serverless.
select
    query_id,
    query_label,
    query_type,
    status,
    start_time,
    cast(elapsed_time / 1000000.0 as decimal(18, 1)) as elapsed_seconds,
    cast(queue_time / 1000000.0 as decimal(18, 1)) as queue_seconds,
    returned_rows,
    substring(query_text, 1, 200) as query_text
from sys_query_history
where start_time >= dateadd(day, -7, getdate())
order by elapsed_time desc
limit 20;
