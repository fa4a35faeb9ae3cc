-- The statement of a day and place. Sorted by day, as changes are; places of a day lie on all slices.
create table if not exists analytics.agg_statement (
    order_date date not null,
    geography_key bigint not null,
    country varchar(128) not null,
    state varchar(255) not null,
    city varchar(255) not null,
    orders bigint not null,
    units_sold bigint not null,
    total_revenue decimal(38, 4) not null,
    unsettled_orders bigint not null,
    gross_sales decimal(38, 4) not null,
    discounts decimal(38, 4) not null,
    returns decimal(38, 4) not null,
    refunds decimal(38, 4) not null,
    taxes decimal(38, 4) not null,
    shipping decimal(38, 4) not null,
    costed_lines bigint not null,
    cost decimal(38, 4) not null,
    costed_revenue decimal(38, 4) not null,
    costed_net_sales decimal(38, 4) not null,
    primary key (order_date, geography_key)
)
distkey (geography_key)
sortkey (order_date);
