-- Distributed by customer, because a day's orders name few customers and nearly all products. No sort key: these
-- customers lie anywhere.
create table if not exists analytics.agg_product_customer (
    product_id varchar(64) not null,
    customer_id varchar(64) not null,
    orders bigint not null,
    primary key (customer_id, product_id)
)
distkey (customer_id);
