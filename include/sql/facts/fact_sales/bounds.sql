-- Orders that share an item with a touched one: the newest version of the item may lie there.
{% from "macros/bounds.sql" import span %}
{% from "macros/queue.sql" import queued %}
insert into history.pending_key (entity, key_value)
select distinct
    'shared_order' as entity,
    others.order_id as key_value
from history.shared_item as mine
inner join touched_order on mine.order_id = touched_order.order_id
inner join history.shared_item as others on mine.order_item_id = others.order_item_id;

-- The queue is read itself, not the temporary table of its keys: PostgreSQL reads only permanent tables in several
-- processes.
-- bounds: days in which the touched orders were delivered and lie in the fact
select
    headers.first_order,
    headers.last_order,
    items.first_item,
    items.last_item,
    sales.first_sale,
    sales.last_sale
from (
    select {{ span("orders.delivery_date", "order") }}
    from history.orders as orders
    where orders.order_id in (
        {{ queued("sales_order") }}
    )
) as headers
cross join (
    select {{ span("items.delivery_date", "item") }}
    from history.order_items as items
    where items.order_id in (
        {{ queued("sales_order", "", "shared_order") }}
    )
) as items
cross join (
    select {{ span("sales.order_date", "sale") }}
    from facts.fact_sales as sales
    where sales.order_id in (
        {{ queued("sales_order") }}
    )
) as sales;
