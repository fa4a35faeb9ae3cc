-- generated from include/sources; run make generate
-- Staging: what COPY loads, one table per source, columns in the order of the Parquet files (COPY
-- of Parquet maps by position). Rows live until their run is published; run_id tells runs apart.
-- Distribution is that of history.*, so that replace_slices moves rows without crossing nodes;
-- there is no sort key, because slices are small and read once, and sorting would slow COPY down.

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

create table if not exists staging.stg_order_items (
    delivery_date date not null,
    order_item_id varchar(64) not null,
    order_id varchar(64) not null,
    product_id varchar(64) not null,
    quantity integer not null,
    unit_price decimal(18, 4) not null,
    line_total decimal(18, 4),
    version_at timestamp not null,
    row_hash varchar(32) not null,
    source_file varchar(1024) not null,
    source_line bigint not null,
    run_id varchar(250) not null
)
diststyle key
distkey (order_id);

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

create table if not exists staging.stg_products (
    delivery_date date not null,
    product_id varchar(64) not null,
    product_name varchar(512),
    category_name varchar(255),
    subcategory_name varchar(255),
    brand varchar(255),
    sku varchar(128),
    price decimal(18, 4),
    cost decimal(18, 4),
    stock_quantity integer,
    is_active boolean,
    updated_at timestamp,
    version_at timestamp not null,
    row_hash varchar(32) not null,
    source_file varchar(1024) not null,
    source_line bigint not null,
    run_id varchar(250) not null
)
diststyle key
distkey (product_id);

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

-- one row per source and day of a run: where each raw row went; a few rows per run, so any distribution serves
create table if not exists staging.stg_ledger (
    source varchar(64),
    delivery_date date,
    run_id varchar(250),
    files integer,
    raw_rows bigint,
    accepted_rows bigint,
    superseded_rows bigint,
    quarantined_rows bigint,
    raw_amount decimal(38, 4),
    accepted_amount decimal(38, 4),
    superseded_amount decimal(38, 4),
    quarantined_amount decimal(38, 4)
)
diststyle even;

-- one row per quality rule and day of a run; a few rows per run, so any distribution serves
create table if not exists staging.stg_check_result (
    run_id varchar(250),
    delivery_date date,
    source varchar(64),
    rule varchar(128),
    dimension varchar(32),
    severity varchar(16),
    rows_checked bigint,
    rows_failed bigint,
    failed_ratio decimal(18, 6),
    threshold decimal(18, 6),
    passed boolean,
    message varchar(1024)
)
diststyle even;
