-- generated from include/sources; run make generate
-- Loads what the run's manifest names into staging.stg_web_events; one transaction.
-- Repeating it replaces the run's own rows; rows of runs that were published are no longer needed.
-- The lock comes first: two runs at once wait for each other instead of failing on a conflict.

lock staging.stg_web_events;

delete from staging.stg_web_events
where
    run_id = '{{ load.run_key }}'
    or run_id in (
        select load_runs.run_id
        from quality.load_runs
        where load_runs.published_at is not null
    );

copy staging.stg_web_events (
    delivery_date,
    event_id,
    customer_id,
    session_id,
    event_type,
    event_timestamp,
    product_id,
    page_url,
    referrer,
    device_type,
    browser,
    user_agent,
    is_session_derived,
    version_at,
    row_hash,
    source_file,
    source_line,
    run_id
)
from 's3://{{ load.processed_bucket }}/runs/{{ load.run_key }}/copy/web_events.manifest'
iam_role {{ load.copy_iam_role }}
format as parquet
manifest;
