-- One row per repair of data, ever.
create table if not exists quality.schema_migrations (
    version varchar(128) not null,
    checksum varchar(64) not null,
    applied_at timestamp not null,
    primary key (version)
)
diststyle all;
