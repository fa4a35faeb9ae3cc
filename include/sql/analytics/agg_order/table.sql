-- Distributed and sorted by customer: the refresh looks up all orders of the customers who lost one.
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
