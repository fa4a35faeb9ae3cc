create table if not exists quality.erasures (
    erasure_id varchar(250) not null,
    pseudonym varchar(64) not null,
    requested_by varchar(320) not null,
    reason varchar(1024) not null,
    raw_files bigint not null,
    raw_rows bigint not null,
    processed_objects bigint not null,
    days bigint not null,
    finished_at timestamp not null,
    primary key (erasure_id)
)
diststyle all
sortkey (finished_at);
