-- generated from include/sources; run make generate
-- Each day's accepted rows as delivered, one slice per day. A run replaces its own slices; dimensions and
-- facts are recomputed from here for the keys that changed.
-- Replacing a slice finds its rows by delivery_date, which the sort key makes neighbours. Recomputing
-- joins all deliveries of few keys with the list of touched keys: the distribution key keeps that join on
-- the node.
create table if not exists history.customers (
    delivery_date date not null,
    customer_id varchar(64) not null,
    first_name varchar(255),
    last_name varchar(255),
    email varchar(320),
    phone varchar(64),
    date_of_birth date,
    gender varchar(32),
    address varchar(512),
    city varchar(255),
    state varchar(255),
    postal_code varchar(32),
    country varchar(128),
    customer_segment varchar(64),
    registration_date date,
    updated_at timestamp,
    version_at timestamp not null,
    row_hash varchar(32) not null,
    source_file varchar(1024) not null,
    source_line bigint not null,
    run_id varchar(250) not null,
    primary key (customer_id, delivery_date, version_at)
)
diststyle key
distkey (customer_id)
compound sortkey (delivery_date, customer_id);
