-- The options that decide what is in the facts, with the values that these were built with.
create table if not exists quality.warehouse_option (
    option_name varchar(64) not null,
    option_value varchar(128) not null
)
diststyle all;
