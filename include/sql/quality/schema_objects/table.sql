-- A few hundred short rows that bootstrap reads whole.
create table if not exists quality.schema_objects (
    name varchar(255) not null,
    declared varchar(65535) not null,
    catalogue varchar(64) not null,
    applied_at timestamp not null,
    primary key (name)
)
diststyle all;
