-- generated from include/sources; run make generate
-- Loads what the run's manifest names into staging.stg_ledger; one transaction.
-- Repeating it replaces the run's own rows; rows of runs that were published are no longer needed.
-- The lock comes first: two runs at once wait for each other instead of failing on a conflict.

lock staging.stg_ledger;

delete from staging.stg_ledger
where
    run_id = '{{ load.run_key }}'
    or run_id in (
        select load_runs.run_id
        from quality.load_runs
        where load_runs.published_at is not null
    );

copy staging.stg_ledger (
    source,
    delivery_date,
    run_id,
    files,
    raw_rows,
    accepted_rows,
    superseded_rows,
    quarantined_rows,
    raw_amount,
    accepted_amount,
    superseded_amount,
    quarantined_amount
)
from 's3://{{ load.processed_bucket }}/runs/{{ load.run_key }}/copy/ledger.manifest'
iam_role {{ load.copy_iam_role }}
format as parquet
manifest;
