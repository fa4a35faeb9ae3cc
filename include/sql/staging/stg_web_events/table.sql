-- generated from include/sources; run make generate
-- What COPY loads of a run, columns in the order of the Parquet files (COPY of Parquet maps by position).
-- Rows live until their run is published; run_id tells runs apart.
-- Distribution is that of history.*, so that replace_slices moves rows without crossing nodes; there is no
-- sort key, because slices are small and read once, and sorting would slow COPY down.
create table if not exists staging.stg_web_events (
    delivery_date date not null,
    event_id varchar(64) not null,
    customer_id varchar(64),
    session_id varchar(128),
    event_type varchar(64) not null,
    event_timestamp timestamp not null,
    product_id varchar(64),
    page_url varchar(2048),
    referrer varchar(2048),
    device_type varchar(64),
    browser varchar(128),
    user_agent varchar(2048),
    is_session_derived boolean,
    version_at timestamp not null,
    row_hash varchar(32) not null,
    source_file varchar(1024) not null,
    source_line bigint not null,
    run_id varchar(250) not null
)
diststyle key
distkey (event_id);
