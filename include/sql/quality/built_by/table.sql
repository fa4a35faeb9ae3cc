-- A few dozen short rows, read whole by every refresh.
create table if not exists quality.built_by (
    table_name varchar(128) not null,
    file_name varchar(255) not null,
    fingerprint varchar(32) not null,
    reason varchar(511),
    noted_at timestamp not null,
    primary key (table_name, file_name)
)
diststyle all;
