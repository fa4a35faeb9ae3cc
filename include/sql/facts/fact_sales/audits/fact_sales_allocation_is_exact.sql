-- audit: tax, shipping and discount of a touched order's lines sum to the order's amounts, to the last decimal
-- severity: fail
{% from "macros/queue.sql" import queued %}
{% from "macros/versions.sql" import newest_rank %}
with headers as (
    select
        orders.order_id,
        coalesce(orders.tax, 0) as tax,
        coalesce(orders.shipping_cost, 0) as shipping_cost,
        coalesce(orders.discount, 0) as discount,
        {{ newest_rank("orders.order_id", "orders") }} as version_rank
    from history.orders as orders
    where orders.order_id in (
        {{ queued("agg_order") }}
    )
),

allocated as (
    select
        sales.order_id,
        sum(sales.tax_amount) as tax_amount,
        sum(sales.shipping_amount) as shipping_amount,
        sum(sales.discount_amount) as discount_amount
    from facts.fact_sales as sales
    where
        sales.order_id in (
            {{ queued("agg_order") }}
        )
    group by sales.order_id
)

select
    headers.order_id,
    headers.tax,
    allocated.tax_amount,
    headers.shipping_cost,
    allocated.shipping_amount,
    headers.discount,
    allocated.discount_amount
from headers
inner join allocated on headers.order_id = allocated.order_id
where
    headers.version_rank = 1
    and (
        headers.tax <> allocated.tax_amount
        or headers.shipping_cost <> allocated.shipping_amount
        or headers.discount <> allocated.discount_amount
    )
