-- audit: lines of the run's days whose order has not arrived stay below 2 % (they load by themselves when it does)
-- severity: warn
with known_orders as (
    select distinct order_id
    from history.orders
)

select
    count(*) as run_lines,
    sum(case when known_orders.order_id is null then 1 else 0 end) as held_lines
from history.order_items as items
left join known_orders on items.order_id = known_orders.order_id
where items.delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
having sum(case when known_orders.order_id is null then 1 else 0 end) > 0.02 * count(*)
