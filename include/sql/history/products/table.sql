-- generated from include/sources; run make generate
-- Each day's accepted rows as delivered, one slice per day. A run replaces its own slices; dimensions and
-- facts are recomputed from here for the keys that changed.
-- Replacing a slice finds its rows by delivery_date, which the sort key makes neighbours. Recomputing
-- joins all deliveries of few keys with the list of touched keys: the distribution key keeps that join on
-- the node.
create table if not exists history.products (
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
    run_id varchar(250) not null,
    primary key (product_id, delivery_date, version_at)
)
diststyle key
distkey (product_id)
compound sortkey (delivery_date, product_id);
