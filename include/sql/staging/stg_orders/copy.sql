-- generated from include/sources; run make generate
-- Loads what the run's manifest names into staging.stg_orders; one transaction.
-- Repeating it replaces the run's own rows; rows of runs that were published are no longer needed.
-- The lock comes first: two runs at once wait for each other instead of failing on a conflict.

lock staging.stg_orders;

delete from staging.stg_orders
where
    run_id = '{{ load.run_key }}'
    or run_id in (
        select load_runs.run_id
        from quality.load_runs
        where load_runs.published_at is not null
    );

copy staging.stg_orders (
    delivery_date,
    order_id,
    customer_id,
    order_date,
    order_status,
    payment_method,
    shipping_city,
    shipping_state,
    shipping_postal_code,
    shipping_country,
    subtotal,
    tax,
    shipping_cost,
    discount,
    total_amount,
    currency,
    shipped_date,
    delivered_date,
    updated_at,
    order_status_raw,
    version_at,
    row_hash,
    source_file,
    source_line,
    run_id
)
from 's3://{{ load.processed_bucket }}/runs/{{ load.run_key }}/copy/orders.manifest'
iam_role {{ load.copy_iam_role }}
format as parquet
manifest;
