-- Distributed by order: by customer, all orders of guests would lie on one slice. Sorted by day, as changes are.
create table if not exists analytics.agg_order (
    order_id varchar(64) not null,
    customer_id varchar(64),
    order_date date not null,
    geography_key bigint not null,
    units bigint not null,
    revenue decimal(38, 4) not null,
    canonical_status varchar(63),
    currency varchar(16),
    order_total decimal(18, 4),
    computed_total decimal(38, 4),
    difference_reason varchar(16),
    unsettled_orders bigint,
    gross_sales decimal(38, 4),
    discounts decimal(38, 4),
    returns decimal(38, 4),
    refunds decimal(38, 4),
    taxes decimal(38, 4),
    shipping decimal(38, 4),
    costed_lines bigint,
    cost decimal(38, 4),
    costed_revenue decimal(38, 4),
    costed_net_sales decimal(38, 4),
    primary key (order_id)
)
distkey (order_id)
sortkey (order_date);
