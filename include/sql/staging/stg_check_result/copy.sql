-- generated from include/sources; run make generate
-- Loads what the run's manifest names into staging.stg_check_result; one transaction.
-- Repeating it replaces the run's own rows; rows of runs that were published are no longer needed.
-- The lock comes first: two runs at once wait for each other instead of failing on a conflict.

lock staging.stg_check_result;

delete from staging.stg_check_result
where
    run_id = '{{ load.run_key }}'
    or run_id in (
        select load_runs.run_id
        from quality.load_runs
        where load_runs.published_at is not null
    );

copy staging.stg_check_result (
    run_id,
    delivery_date,
    source,
    rule,
    dimension,
    severity,
    rows_checked,
    rows_failed,
    failed_ratio,
    threshold,
    passed,
    message
)
from 's3://{{ load.processed_bucket }}/runs/{{ load.run_key }}/copy/check_result.manifest'
iam_role {{ load.copy_iam_role }}
format as parquet
manifest;
