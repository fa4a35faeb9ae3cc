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
