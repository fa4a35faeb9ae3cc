-- Maintained in the transaction of fact_sales, so that fact_inventory looks back 28 days without reading the lines of
-- 28 days.
create table if not exists facts.agg_product_day (
    product_id varchar(64) not null,
    order_date date not null,
    units bigint not null,
    primary key (product_id, order_date)
)
distkey (product_id)
sortkey (order_date);
