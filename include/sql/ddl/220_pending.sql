-- The durable queue of recomputation. A step that changes a table writes here, in the same transaction, which keys
-- depend on the change; the step that recomputes them deletes them, again in the same transaction. A killed or
-- repeated step therefore finds exactly the work that is left. Locking pending_key serialises all writers.

-- Grain: an entity and one of its keys; may hold the same key twice.
-- Entities: customer, product (dimensions to rebuild); sales_order, web_event (facts to rebuild);
-- agg_customer, agg_product, agg_order (aggregates to bring up to date), agg_all (key '*': all aggregates to be counted
-- anew from the facts; every order, customer and product is queued as well). Steps read it whole: no key finds a row.
create table if not exists history.pending_key (
    entity varchar(32) not null,
    key_value varchar(64) not null
)
diststyle even;

-- Grain: a product and a range of days whose stock snapshots or trailing sales changed.
create table if not exists history.pending_inventory (
    product_id varchar(64) not null,
    first_date date not null,
    last_date date not null
)
distkey (product_id)
sortkey (first_date);

-- Grain: a revenue line, as the aggregates last counted it, of an order in pending_key('agg_order').
-- What an aggregate gains is the order's lines now minus these: it costs the change, not the history.
create table if not exists history.published_line (
    order_id varchar(64) not null,
    order_item_id varchar(64) not null,
    order_date date not null,
    customer_id varchar(64),
    product_id varchar(64),
    geography_key bigint not null,
    quantity integer not null,
    line_total decimal(18, 4) not null,
    gross_profit decimal(38, 4)
)
distkey (order_id)
sortkey (order_date);

-- Grain: a day whose web events changed since the last publish.
create table if not exists history.pending_event_day (
    event_date date not null
)
diststyle even
sortkey (event_date);
