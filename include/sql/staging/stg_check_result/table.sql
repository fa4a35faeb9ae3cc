-- generated from include/sources; run make generate
-- A few rows per run, so any distribution serves.
create table if not exists staging.stg_check_result (
    run_id varchar(250),
    delivery_date date,
    source varchar(64),
    rule varchar(128),
    dimension varchar(32),
    severity varchar(16),
    rows_checked bigint,
    rows_failed bigint,
    failed_ratio decimal(18, 6),
    threshold decimal(18, 6),
    passed boolean,
    message varchar(1024)
)
diststyle even;
