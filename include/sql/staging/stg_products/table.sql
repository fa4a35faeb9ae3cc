-- generated from include/sources; run make generate
-- What COPY loads of a run, columns in the order of the Parquet files (COPY of Parquet maps by position).
-- Rows live until their run is published; run_id tells runs apart.
-- Distribution is that of history.*, so that replace_slices moves rows without crossing nodes; there is no
-- sort key, because slices are small and read once, and sorting would slow COPY down.
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
