-- The published day, for alerts and metrics.
select
    published_day,
    published_at,
    published_run_id
from quality.warehouse_state;
