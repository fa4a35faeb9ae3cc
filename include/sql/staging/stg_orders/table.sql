-- generated from include/sources; run make generate
-- What COPY loads of a run, columns in the order of the Parquet files (COPY of Parquet maps by position).
-- Rows live until their run is published; run_id tells runs apart.
-- Distribution is that of history.*, so that replace_slices moves rows without crossing nodes; there is no
-- sort key, because slices are small and read once, and sorting would slow COPY down.
create table if not exists staging.stg_orders (
    delivery_date date not null,
    order_id varchar(64) not null,
    customer_id varchar(64),
    order_date timestamp not null,
    order_status varchar(64),
    payment_method varchar(64),
    shipping_city varchar(255),
    shipping_state varchar(255),
    shipping_postal_code varchar(32),
    shipping_country varchar(128),
    subtotal decimal(18, 4),
    tax decimal(18, 4),
    shipping_cost decimal(18, 4),
    discount decimal(18, 4),
    total_amount decimal(18, 4),
    currency varchar(16),
    shipped_date timestamp,
    delivered_date timestamp,
    updated_at timestamp,
    order_status_raw varchar(64),
    version_at timestamp not null,
    row_hash varchar(32) not null,
    source_file varchar(1024) not null,
    source_line bigint not null,
    run_id varchar(250) not null
)
diststyle key
distkey (order_id);
