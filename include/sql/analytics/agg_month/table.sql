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
