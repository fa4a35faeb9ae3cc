-- The keys of the run's days in the old slice and in the new one: a key is touched when either has it.
create temp table touched_order as
select
    order_id,
    customer_id
from history.orders
where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
union
select
    order_id,
    customer_id
from staging.stg_orders
where run_id = '{{ load.run_key }}';

create temp table touched_item as
select
    order_item_id,
    order_id,
    product_id
from history.order_items
where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
union
select
    order_item_id,
    order_id,
    product_id
from staging.stg_order_items
where run_id = '{{ load.run_key }}';

create temp table touched_event as
select
    event_id,
    customer_id,
    product_id
from history.web_events
where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
union
select
    event_id,
    customer_id,
    product_id
from staging.stg_web_events
where run_id = '{{ load.run_key }}';

create temp table old_customer as
select distinct
    customer_id,
    version_at,
    row_hash
from history.customers
where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}';

create temp table old_product as
select distinct
    product_id,
    version_at,
    row_hash
from history.products
where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}';
