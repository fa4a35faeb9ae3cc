-- generated from include/sources; run make generate
-- Loads what the run's manifest names into staging.stg_customers; one transaction.
-- Repeating it replaces the run's own rows; rows of runs that were published are no longer needed.
-- The lock comes first: two runs at once wait for each other instead of failing on a conflict.

lock staging.stg_customers;

delete from staging.stg_customers
where
    run_id = '{{ load.run_key }}'
    or run_id in (
        select load_runs.run_id
        from quality.load_runs
        where load_runs.published_at is not null
    );

copy staging.stg_customers (
    delivery_date,
    customer_id,
    first_name,
    last_name,
    email,
    phone,
    date_of_birth,
    gender,
    address,
    city,
    state,
    postal_code,
    country,
    customer_segment,
    registration_date,
    updated_at,
    version_at,
    row_hash,
    source_file,
    source_line,
    run_id
)
from 's3://{{ load.processed_bucket }}/runs/{{ load.run_key }}/copy/customers.manifest'
iam_role {{ load.copy_iam_role }}
format as parquet
manifest;
