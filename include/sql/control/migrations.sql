-- Names and checksums of the migrations that were applied (sql_files.migrations). Safe to repeat.
create schema if not exists quality;

create table if not exists quality.schema_migrations (
    version varchar(128) not null,
    checksum varchar(64) not null,
    applied_at timestamp not null,
    primary key (version)
)
diststyle all;
