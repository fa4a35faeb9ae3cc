-- generated from include/sources; run make generate
-- What COPY loads of a run, columns in the order of the Parquet files (COPY of Parquet maps by position).
-- Rows live until their run is published; run_id tells runs apart.
-- Distribution is that of history.*, so that replace_slices moves rows without crossing nodes; there is no
-- sort key, because slices are small and read once, and sorting would slow COPY down.
create table if not exists staging.stg_customers (
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
    run_id varchar(250) not null
)
diststyle key
distkey (customer_id);
