-- Empties dimensions and facts and queues every key of history: the steps of the daily run, from dim_customer on, then
-- rebuild the warehouse. Analytics keep showing the last published day until the refresh flips them.
-- VACUUM the facts before those steps: they look for moved facts among the deleted rows until then.
{% from "macros/built_by.sql" import note_code %}
{% from "macros/queue.sql" import count_merge %}
lock table history.pending_key;

-- What the steps build now has the options of this deployment; the next run notes them.
delete from quality.warehouse_option;

delete from history.pending_key;
delete from history.pending_inventory;
delete from history.pending_event_day;
delete from history.published_line;
delete from history.pending_range;

-- The aggregates are no longer those of the facts: the refresh counts all of them again, for the keys that each step
-- queues.
insert into history.pending_key (entity, key_value)
select
    'agg_all' as entity,
    '*' as key_value;

-- The queue may hold a key twice, so duplicates in the large sources are not removed.
insert into history.pending_key (entity, key_value)
select
    'sales_order' as entity,
    order_id as key_value
from history.orders
union all
select
    'web_event' as entity,
    event_id as key_value
from history.web_events;

insert into history.pending_key (entity, key_value)
select
    'customer' as entity,
    customer_id as key_value
from history.customers
union
select
    'customer' as entity,
    customer_id as key_value
from history.orders
where customer_id is not null
union
select
    'customer' as entity,
    customer_id as key_value
from history.web_events
where customer_id is not null
union
select
    'customer' as entity,
    customer_id as key_value
from dimensions.dim_customer
where customer_key <> -1;

insert into history.pending_key (entity, key_value)
select
    'product' as entity,
    product_id as key_value
from history.products
union
select
    'product' as entity,
    product_id as key_value
from history.order_items
union
select
    'product' as entity,
    product_id as key_value
from history.web_events
where product_id is not null
union
select
    'product' as entity,
    product_id as key_value
from dimensions.dim_product
where product_key <> -1;

{% for source in load.sources if source.merge_entity %}
    insert into history.pending_key (entity, key_value)
    select distinct
        '{{ source.merge_entity }}' as entity,
        {{ source.key }} as key_value
    from history.{{ source.name }};
{% endfor %}

insert into history.pending_inventory (product_id, first_date, last_date)
select
    product_id,
    min(delivery_date) as first_date,
    max(delivery_date) as last_date
from history.products
group by product_id;

delete from facts.fact_sales;
delete from facts.fact_web_events;
delete from facts.fact_inventory;
delete from facts.agg_product_day;
delete from dimensions.dim_geography;

delete from dimensions.dim_customer
where customer_key <> -1;

delete from dimensions.dim_product
where product_key <> -1;

-- What is built from here on is of this code.
delete from quality.built_by;

{{ note_code() }};

{{ count_merge() }};
