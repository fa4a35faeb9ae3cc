-- The aggregates that analytics stand on, one per key. refresh_views adds to each key what its touched orders gained
-- or lost, in one transaction with the published day: readers see the last published day or the new one, never a mix.

-- Grain: one order with a revenue line.
create table if not exists analytics.agg_order (
    order_id varchar(64) not null,
    customer_id varchar(64),
    order_date date not null,
    geography_key bigint not null,
    units bigint not null,
    revenue decimal(38, 4) not null,
    primary key (order_id)
)
distkey (customer_id)
sortkey (customer_id, order_date);

-- Grain: day with a revenue line.
create table if not exists analytics.agg_day (
    order_date date not null,
    total_orders bigint not null,
    total_revenue decimal(38, 4) not null,
    primary key (order_date)
)
diststyle all
sortkey (order_date);

-- Grain: calendar month with a revenue line.
create table if not exists analytics.agg_month (
    month_start date not null,
    total_orders bigint not null,
    unique_customers bigint not null,
    units_sold bigint not null,
    total_revenue decimal(38, 4) not null,
    primary key (month_start)
)
diststyle all
sortkey (month_start);

-- Grain: one customer with a current version (the unknown member excepted).
create table if not exists analytics.agg_customer (
    customer_id varchar(64) not null,
    full_name varchar(511),
    customer_segment varchar(64),
    city varchar(255),
    state varchar(255),
    country varchar(255),
    registration_date date,
    first_order_date date,
    last_order_date date,
    total_orders bigint not null,
    lifetime_value decimal(38, 4) not null,
    unique_products bigint not null,
    primary key (customer_id)
)
distkey (customer_id);

-- Grain: known customer and month with a revenue line; behind cohorts and monthly customers.
create table if not exists analytics.agg_customer_month (
    customer_id varchar(64) not null,
    month_start date not null,
    total_orders bigint not null,
    revenue decimal(38, 4) not null,
    primary key (month_start, customer_id)
)
distkey (customer_id)
sortkey (month_start);

-- Grain: one product with a current version (the unknown member excepted). costed_* count lines whose cost is known.
create table if not exists analytics.agg_product (
    product_id varchar(64) not null,
    product_name varchar(512),
    category_name varchar(255),
    brand varchar(255),
    price decimal(18, 4),
    cost decimal(18, 4),
    units_sold bigint not null,
    total_revenue decimal(38, 4) not null,
    costed_lines bigint not null,
    costed_revenue decimal(38, 4) not null,
    gross_profit decimal(38, 4) not null,
    orders bigint not null,
    customers bigint not null,
    units_gross bigint not null,
    units_returned bigint not null,
    primary key (product_id)
)
distkey (product_id);

-- Grain: product and known customer with a revenue line: in how many orders. By customer, of whom a day sees few: it
-- sees all products.
create table if not exists analytics.agg_product_customer (
    product_id varchar(64) not null,
    customer_id varchar(64) not null,
    orders bigint not null,
    primary key (customer_id, product_id)
)
distkey (customer_id)
sortkey (customer_id);

-- Grain: one place with a revenue line.
create table if not exists analytics.agg_geography (
    geography_key bigint not null,
    country varchar(255) not null,
    state varchar(255) not null,
    city varchar(255) not null,
    total_customers bigint not null,
    total_orders bigint not null,
    total_revenue decimal(38, 4) not null,
    primary key (geography_key)
)
diststyle all;

-- Grain: place and known customer with a revenue line: in how many orders.
create table if not exists analytics.agg_geography_customer (
    geography_key bigint not null,
    customer_id varchar(64) not null,
    orders bigint not null,
    primary key (geography_key, customer_id)
)
distkey (geography_key)
sortkey (geography_key);

-- Grain: day with web events.
create table if not exists analytics.agg_funnel_day (
    event_date date not null,
    events bigint not null,
    sessions bigint not null,
    sessions_with_view bigint not null,
    sessions_with_cart bigint not null,
    sessions_with_checkout bigint not null,
    sessions_with_purchase bigint not null,
    primary key (event_date)
)
diststyle all
sortkey (event_date);

-- One row: the day that the tables above show.
create table if not exists analytics.published (
    published_day date
)
diststyle all;

insert into analytics.published (published_day)
select cast(null as date) as published_day
where not exists (select 1 from analytics.published);
