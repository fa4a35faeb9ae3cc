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
