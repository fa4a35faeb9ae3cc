create table if not exists analytics.agg_day (
    order_date date not null,
    total_orders bigint not null,
    total_revenue decimal(38, 4) not null,
    primary key (order_date)
)
diststyle all
sortkey (order_date);
