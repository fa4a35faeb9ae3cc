-- generated from include/sources; run make generate
-- Each day's accepted rows as delivered, one slice per day. A run replaces its own slices; dimensions and
-- facts are recomputed from here for the keys that changed.
-- Replacing a slice finds its rows by delivery_date, which the sort key makes neighbours. Recomputing
-- joins all deliveries of few keys with the list of touched keys: the distribution key keeps that join on
-- the node.
create table if not exists history.orders (
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
    run_id varchar(250) not null,
    primary key (order_id, delivery_date, version_at)
)
diststyle key
distkey (order_id)
compound sortkey (delivery_date, order_id);
