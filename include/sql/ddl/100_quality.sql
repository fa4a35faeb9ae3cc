-- Ledger, check results, audits and the state of publishing.

-- One row: how many merges there were, the last one that passed its audit, and what is published.
-- Everything that changes history, dimensions or facts adds one to merge_seq in its own transaction.
create table if not exists quality.warehouse_state (
    merge_seq bigint not null,
    audited_seq bigint not null,
    published_day date,
    published_at timestamp,
    published_run_id varchar(250)
)
diststyle all;

insert into quality.warehouse_state (merge_seq, audited_seq)
select
    0 as merge_seq,
    0 as audited_seq
where not exists (select 1 from quality.warehouse_state);

-- Grain: one run of the daily DAG that reached the warehouse.
create table if not exists quality.load_runs (
    run_id varchar(250) not null,
    start_date date not null,
    end_date date not null,
    loaded_at timestamp not null,
    published_at timestamp,
    primary key (run_id)
)
diststyle all;

-- Grain: source and day, as the latest run that loaded it counted them.
-- raw = accepted + superseded (within the day) + quarantined, in rows and in money.
create table if not exists quality.ledger (
    source varchar(64) not null,
    delivery_date date not null,
    run_id varchar(250) not null,
    files integer not null,
    raw_rows bigint not null,
    accepted_rows bigint not null,
    superseded_rows bigint not null,
    quarantined_rows bigint not null,
    raw_amount decimal(38, 4) not null,
    accepted_amount decimal(38, 4) not null,
    superseded_amount decimal(38, 4) not null,
    quarantined_amount decimal(38, 4) not null,
    primary key (source, delivery_date)
)
diststyle all
sortkey (delivery_date);

-- Grain: rule, source and day, of the latest run that loaded the day.
create table if not exists quality.check_results (
    run_id varchar(250) not null,
    delivery_date date not null,
    source varchar(64) not null,
    rule varchar(128) not null,
    dimension varchar(32) not null,
    severity varchar(16) not null,
    rows_checked bigint,
    rows_failed bigint,
    failed_ratio decimal(18, 6),
    threshold decimal(18, 6),
    passed boolean not null,
    message varchar(1024),
    primary key (source, rule, delivery_date)
)
diststyle even
sortkey (delivery_date);

-- Grain: audit and run (a repeated run adds rows: this is a log).
create table if not exists quality.audit_results (
    run_id varchar(250) not null,
    audit varchar(128) not null,
    severity varchar(16) not null,
    violations bigint not null,
    sample varchar(4000),
    checked_at timestamp not null
)
diststyle even
sortkey (checked_at);
