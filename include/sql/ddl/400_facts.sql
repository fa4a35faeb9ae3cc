-- The facts. Foreign keys are declared for the planner and proven by the audits; Redshift does not enforce them.

-- Grain: one order line. Distributed by order, so that header, lines and allocation of an order meet on one node;
-- sorted by order date, which most analytics filter on. tax, shipping and discount are the line's exact share of the
-- order's amounts: summing lines gives the order, never a multiple of it.
create table if not exists facts.fact_sales (
    order_item_id varchar(64) not null,
    order_id varchar(64) not null,
    order_date date not null,
    order_date_key integer not null,
    order_timestamp timestamp not null,
    customer_key bigint not null,
    customer_id varchar(64),
    product_key bigint not null,
    product_id varchar(64),
    geography_key bigint not null,
    order_status varchar(64),
    payment_method varchar(64),
    currency varchar(16),
    quantity integer not null,
    unit_price decimal(18, 4) not null,
    line_total decimal(18, 4) not null,
    tax_amount decimal(18, 4) not null,
    shipping_amount decimal(18, 4) not null,
    discount_amount decimal(18, 4) not null,
    unit_cost decimal(18, 4),
    gross_profit decimal(38, 4),
    is_revenue boolean not null,
    is_return boolean not null,
    delivery_date date not null,
    primary key (order_item_id),
    foreign key (customer_key) references dimensions.dim_customer (customer_key),
    foreign key (product_key) references dimensions.dim_product (product_key),
    foreign key (geography_key) references dimensions.dim_geography (geography_key)
)
distkey (order_id)
sortkey (order_date);

-- Grain: one web event.
create table if not exists facts.fact_web_events (
    event_id varchar(64) not null,
    event_date date not null,
    event_date_key integer not null,
    event_timestamp timestamp not null,
    customer_key bigint not null,
    customer_id varchar(64),
    product_key bigint not null,
    product_id varchar(64),
    session_id varchar(128),
    is_session_derived boolean,
    event_type varchar(64) not null,
    page_url varchar(2048),
    referrer varchar(2048),
    device_type varchar(64),
    browser varchar(128),
    primary key (event_id),
    foreign key (customer_key) references dimensions.dim_customer (customer_key),
    foreign key (product_key) references dimensions.dim_product (product_key)
)
distkey (event_id)
sortkey (event_date);

-- Grain: a product and a day with revenue lines: net units. Kept beside fact_sales in its transaction, so that
-- fact_inventory looks back 28 days without reading the lines of 28 days.
create table if not exists facts.agg_product_day (
    product_id varchar(64) not null,
    order_date date not null,
    units bigint not null,
    primary key (product_id, order_date)
)
distkey (product_id)
sortkey (product_id, order_date);

-- Grain: a product on a day for which its stock was delivered. days_of_supply = stock / (units sold in the 28 days up
-- to and including the day / 28); null when nothing was sold.
create table if not exists facts.fact_inventory (
    snapshot_date date not null,
    snapshot_date_key integer not null,
    product_key bigint not null,
    product_id varchar(64) not null,
    stock_quantity integer not null,
    units_sold_28d bigint not null,
    days_of_supply decimal(18, 2),
    primary key (product_id, snapshot_date),
    foreign key (product_key) references dimensions.dim_product (product_key)
)
distkey (product_id)
sortkey (snapshot_date);
