-- The lines of the touched orders, computed, with the version of the product as of the order.
{% from "macros/keys.sql" import first_version_key %}
{% from "macros/versions.sql" import valid_at %}
create temp table new_sale distkey (order_id) as
with resolved as (
    select
        line.order_item_id,
        line.order_id,
        header.order_date,
        header.customer_key,
        header.customer_id,
        coalesce(
            product.product_key, {{ first_version_key("line.product_id") }}
        ) as product_key,
        line.product_id,
        header.country,
        header.state,
        header.city,
        header.geography_key,
        header.order_status,
        header.payment_method,
        header.currency,
        line.quantity,
        line.unit_price,
        line.line_total,
        coalesce(allocation.tax_amount, 0) as tax_amount,
        coalesce(allocation.shipping_amount, 0) as shipping_amount,
        coalesce(allocation.discount_amount, 0) as discount_amount,
        product.cost as unit_cost,
        line.delivery_date
    from line
    inner join header on line.order_id = header.order_id
    left join allocation
        on line.order_id = allocation.order_id and line.order_item_id = allocation.order_item_id
    left join dimensions.dim_product as product
        on
            line.product_id = product.product_id
            and product.product_key <> -1
            and {{ valid_at("product", "header.valid_at") }}
)

select
    order_item_id,
    order_id,
    cast(order_date as date) as order_date,
    order_date as order_timestamp,
    customer_key,
    customer_id,
    product_key,
    product_id,
    country,
    state,
    city,
    geography_key,
    order_status,
    payment_method,
    currency,
    quantity,
    unit_price,
    line_total,
    tax_amount,
    shipping_amount,
    discount_amount,
    unit_cost,
    cast(line_total - quantity * unit_cost as decimal(38, 4)) as gross_profit,
    not(coalesce(order_status, '') in ('cancelled', 'unavailable') and quantity > 0) as is_revenue,
    delivery_date
from resolved;
