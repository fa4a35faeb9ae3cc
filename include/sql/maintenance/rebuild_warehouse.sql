-- Empties dimensions and facts and queues every key of history: the steps of the daily run, from dim_customer on, then
-- rebuild the warehouse. Analytics keep showing the last published day until they are done.
lock table history.pending_key;

delete from history.pending_key
where entity not in ('agg_customer', 'agg_product', 'agg_order');
delete from history.pending_inventory;

create temp table kept_order distkey (order_id) as
select distinct key_value as order_id
from history.pending_key
where entity = 'agg_order';

-- What the aggregates counted of each order must be known when the facts come back.
insert into history.published_line (
    order_id,
    order_item_id,
    order_date,
    customer_id,
    product_id,
    geography_key,
    quantity,
    line_total,
    gross_profit
)
select
    sales.order_id,
    sales.order_item_id,
    sales.order_date,
    sales.customer_id,
    sales.product_id,
    sales.geography_key,
    sales.quantity,
    sales.line_total,
    sales.gross_profit
from facts.fact_sales as sales
left join kept_order as kept on sales.order_id = kept.order_id
where sales.is_revenue and kept.order_id is null;

-- The queue may hold a key twice, so the large sources need not be told apart from each other.
insert into history.pending_key (entity, key_value)
select distinct
    'agg_order' as entity,
    order_id as key_value
from facts.fact_sales
union all
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

insert into history.pending_event_day (event_date)
select distinct event_date
from facts.fact_web_events;

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

update quality.warehouse_state set merge_seq = merge_seq + 1;
