-- audit: lines of the run's days whose order has not arrived stay below 2 % (they load by themselves when it does)
-- severity: warn
with run_line as (
    select
        order_item_id,
        order_id
    from history.order_items
    where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
),

arrived as (
    select distinct orders.order_id
    from history.orders as orders
    inner join run_line on orders.order_id = run_line.order_id
)

select
    count(*) as run_lines,
    sum(case when arrived.order_id is null then 1 else 0 end) as held_lines
from run_line
left join arrived on run_line.order_id = arrived.order_id
having sum(case when arrived.order_id is null then 1 else 0 end) > 0.02 * count(*)
