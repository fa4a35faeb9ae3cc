-- audit: dim_date holds the day of every touched line; joins with it lose the others
-- severity: warn
{% from "macros/queue.sql" import queued %}
select
    sales.order_item_id,
    sales.order_id,
    sales.order_date
from facts.fact_sales as sales
left join dimensions.dim_date as dates on sales.order_date_key = dates.date_key
where
    sales.order_id in (
        {{ queued("agg_order") }}
    )
    and dates.date_key is null
