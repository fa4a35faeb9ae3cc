-- A customer or product that only facts name is an inferred member, until it is delivered or no fact names it.
insert into history.pending_key (entity, key_value)
select
    'customer' as entity,
    named.customer_id as key_value
from (
    select customer_id from touched_order
    union
    select customer_id from touched_event
) as named
left join dimensions.dim_customer
    on named.customer_id = dim_customer.customer_id and dim_customer.is_current
where
    named.customer_id is not null
    and (dim_customer.customer_key is null or dim_customer.is_inferred);

insert into history.pending_key (entity, key_value)
select
    'product' as entity,
    named.product_id as key_value
from (
    select product_id from touched_item
    union
    select product_id from touched_event
) as named
left join dimensions.dim_product
    on named.product_id = dim_product.product_id and dim_product.is_current
where
    named.product_id is not null
    and (dim_product.product_key is null or dim_product.is_inferred);

-- Deliveries of the touched items: an item that one of them put into another order touches that order as well.
create temp table known_item distkey (order_item_id) as
select
    order_item_id,
    order_id
from touched_item;

-- bounds: items of the run's days
select count(*) as touched_items
from touched_item;

-- if: touched_items
insert into known_item (order_item_id, order_id)
with touched as (select distinct order_item_id from touched_item)

select distinct
    items.order_item_id,
    items.order_id
from history.order_items as items
inner join touched
    on items.order_item_id = touched.order_item_id;

insert into history.shared_item (order_item_id, order_id)
with several as (
    select order_item_id
    from known_item
    group by order_item_id
    having count(distinct order_id) > 1
)

select
    known_item.order_item_id,
    known_item.order_id
from known_item
inner join several
    on known_item.order_item_id = several.order_item_id
except
select
    order_item_id,
    order_id
from history.shared_item;

insert into history.pending_key (entity, key_value)
select
    'sales_order' as entity,
    order_id as key_value
from touched_order
union
select
    'sales_order' as entity,
    order_id as key_value
from known_item;

insert into history.pending_key (entity, key_value)
select distinct
    'web_event' as entity,
    event_id as key_value
from touched_event;

insert into history.pending_inventory (product_id, first_date, last_date)
select
    product_id,
    min(delivery_date) as first_date,
    max(delivery_date) as last_date
from (
    select
        product_id,
        delivery_date
    from history.products
    where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
    union
    select
        product_id,
        delivery_date
    from staging.stg_products
    where run_id = '{{ load.run_key }}'
) as stocked
group by product_id;

-- Sources that feed a merge of their own: the keys of the old slice and of the new one.
{% for source in load.sources if source.merge_entity %}
    insert into history.pending_key (entity, key_value)
    select
        '{{ source.merge_entity }}' as entity,
        {{ source.key }} as key_value
    from history.{{ source.name }}
    where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
    union
    select
        '{{ source.merge_entity }}' as entity,
        {{ source.key }} as key_value
    from staging.stg_{{ source.name }}
    where run_id = '{{ load.run_key }}';
{% endfor %}
