-- Empties the aggregates and queues everything for them; analytics/refresh.sql then counts all anew. Readers see the
-- emptied aggregates between the two files only if they are run apart: run them in one transaction (in this order) to
-- flip at once.
lock table history.pending_key;

delete from analytics.agg_order;
delete from analytics.agg_day;
delete from analytics.agg_month;
delete from analytics.agg_customer;
delete from analytics.agg_customer_month;
delete from analytics.agg_product;
delete from analytics.agg_product_customer;
delete from analytics.agg_geography;
delete from analytics.agg_geography_customer;
delete from analytics.agg_funnel_day;
delete from history.published_line;
delete from history.pending_event_day;

delete from history.pending_key
where entity in ('agg_order', 'agg_customer', 'agg_product');

insert into history.pending_key (entity, key_value)
select distinct
    'agg_order' as entity,
    order_id as key_value
from facts.fact_sales
union all
select
    'agg_customer' as entity,
    customer_id as key_value
from dimensions.dim_customer
where is_current and customer_key <> -1
union all
select
    'agg_product' as entity,
    product_id as key_value
from dimensions.dim_product
where is_current and product_key <> -1;

insert into history.pending_event_day (event_date)
select distinct event_date
from facts.fact_web_events;
