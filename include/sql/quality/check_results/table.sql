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
