-- generated from include/sources; run make generate
-- Each day's accepted rows as delivered, one slice per day. A run replaces its own slices; dimensions and
-- facts are recomputed from here for the keys that changed.
-- Replacing a slice finds its rows by delivery_date, which the sort key makes neighbours. Recomputing
-- joins all deliveries of few keys with the list of touched keys: the distribution key keeps that join on
-- the node.
-- Spread by order_id: its rows are recomputed and joined with their parent,
-- so both lie on the same node.
create table if not exists history.order_items (
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
    run_id varchar(250) not null,
    primary key (order_item_id, delivery_date, version_at)
)
diststyle key
distkey (order_id)
compound sortkey (delivery_date, order_id);
