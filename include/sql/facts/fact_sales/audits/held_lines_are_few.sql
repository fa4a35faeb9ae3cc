-- audit: lines of the run's days whose order has not arrived stay below 2 % (they load by themselves when it does)
-- severity: warn
with run_line as (
    select
        items.order_item_id,
        items.delivery_date,
        count(orders.order_id) as order_deliveries
    from history.order_items as items
    left join history.orders as orders on items.order_id = orders.order_id
    where items.delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
    group by items.order_item_id, items.delivery_date
)

select
    count(*) as run_lines,
    sum(case when order_deliveries = 0 then 1 else 0 end) as held_lines
from run_line
having sum(case when order_deliveries = 0 then 1 else 0 end) > 0.02 * count(*)
