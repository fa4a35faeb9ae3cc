-- audit: agg_product_day holds the net units of the revenue lines of each product and day
-- severity: fail
with counted as (
    select
        product_id,
        order_date,
        sum(cast(quantity as bigint)) as units
    from facts.fact_sales
    where is_revenue
    group by product_id, order_date
    having sum(cast(quantity as bigint)) <> 0
)

select
    coalesce(counted.product_id, days.product_id) as product_id,
    coalesce(counted.order_date, days.order_date) as order_date,
    counted.units as fact_units,
    days.units as day_units
from counted
full outer join facts.agg_product_day as days
    on counted.product_id = days.product_id and counted.order_date = days.order_date
where
    coalesce(counted.units, 0) <> coalesce(days.units, 0)
    or counted.product_id is null
    or days.product_id is null
