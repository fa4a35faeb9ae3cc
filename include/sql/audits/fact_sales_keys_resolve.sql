-- audit: every touched line points at the customer and product version valid at its order date, and at a place
-- severity: fail
with lines as (
    select
        sales.order_item_id,
        sales.order_id,
        sales.order_timestamp,
        sales.customer_key,
        coalesce(sales.customer_id, '(unknown)') as customer_id,
        sales.product_key,
        coalesce(sales.product_id, '(unknown)') as product_id,
        sales.geography_key
    from facts.fact_sales as sales
    where
        sales.order_id in (
            select key_value from history.pending_key
            where entity = 'agg_order'
        )
),

-- The lines of an order share its customer: each is looked up once.
buyers as (
    select distinct
        customer_key,
        customer_id,
        order_timestamp
    from lines
),

lost_buyers as (
    select
        buyers.customer_key,
        buyers.customer_id,
        buyers.order_timestamp
    from buyers
    left join dimensions.dim_customer as customer
        on
            buyers.customer_key = customer.customer_key
            and buyers.customer_id = customer.customer_id
            and (buyers.order_timestamp >= customer.effective_from or customer.effective_from = '1900-01-01')
            and (buyers.order_timestamp < customer.effective_to or customer.is_current)
    where customer.customer_key is null
)

select
    lines.order_item_id,
    lines.order_id,
    lines.order_timestamp,
    lines.customer_key,
    lines.product_key,
    lines.geography_key
from lines
left join lost_buyers
    on
        lines.customer_key = lost_buyers.customer_key
        and lines.customer_id = lost_buyers.customer_id
        and lines.order_timestamp = lost_buyers.order_timestamp
left join dimensions.dim_product as product
    on
        lines.product_key = product.product_key
        and lines.product_id = product.product_id
        and (lines.order_timestamp >= product.effective_from or product.effective_from = '1900-01-01')
        and (lines.order_timestamp < product.effective_to or product.is_current)
left join dimensions.dim_geography as place on lines.geography_key = place.geography_key
where
    lost_buyers.customer_key is not null
    or product.product_key is null
    or place.geography_key is null
