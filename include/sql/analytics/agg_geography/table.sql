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
