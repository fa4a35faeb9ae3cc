-- generated from include/sources; run make generate
-- A few rows per run, so any distribution serves.
create table if not exists staging.stg_ledger (
    source varchar(64),
    delivery_date date,
    run_id varchar(250),
    files integer,
    raw_rows bigint,
    accepted_rows bigint,
    superseded_rows bigint,
    quarantined_rows bigint,
    raw_amount decimal(38, 4),
    accepted_amount decimal(38, 4),
    superseded_amount decimal(38, 4),
    quarantined_amount decimal(38, 4)
)
diststyle even;
