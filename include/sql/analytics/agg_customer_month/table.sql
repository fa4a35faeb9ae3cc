create table if not exists analytics.agg_customer_month (
    customer_id varchar(64) not null,
    month_start date not null,
    total_orders bigint not null,
    revenue decimal(38, 4) not null,
    primary key (month_start, customer_id)
)
distkey (customer_id)
sortkey (month_start);
