create table if not exists analytics.agg_geography_customer (
    geography_key bigint not null,
    customer_id varchar(64) not null,
    orders bigint not null,
    primary key (geography_key, customer_id)
)
distkey (geography_key)
sortkey (geography_key);
