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
