-- The lines of the touched orders, computed, with the version of the product as of the order.
{% from "macros/keys.sql" import first_version_key %}
{% from "macros/statuses.sql" import canonical_status, is_treated %}
{% from "macros/time.sql" import business_day %}
{% from "macros/versions.sql" import valid_at %}
create temp table resolved_sale distkey (order_id) as
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
    {{ canonical_status(load.sources, "header.order_status") }} as canonical_status,
    header.payment_method,
    header.currency,
    line.quantity,
    line.unit_price,
    line.line_total,
    coalesce(allocation.tax_amount, 0) as tax_amount,
    coalesce(allocation.shipping_amount, 0) as shipping_amount,
    coalesce(allocation.discount_amount, 0) as discount_amount,
    product.cost as unit_cost,
    header.tax as order_tax,
    header.shipping_cost as order_shipping,
    header.discount as order_discount,
    header.subtotal as order_subtotal,
    header.total_amount as order_total,
    {% if load.reporting_currency %}
        upper(coalesce(header.currency, '{{ load.reporting_currency }}')) <> '{{ load.reporting_currency }}'
    {% else %}
        false
    {% endif %} as is_unconverted,
    {{ is_treated(load.sources, "excluded", "header.order_status") }} as is_excluded,
    {{ is_treated(load.sources, "refunded", "header.order_status") }} as is_refunded,
    {{ is_treated(load.sources, "partially_refunded", "header.order_status") }} as is_partly_refunded,
    line.delivery_date
from line
inner join header on line.order_id = header.order_id
left join allocation
    on line.order_id = allocation.order_id and line.order_item_id = allocation.order_item_id
left join dimensions.dim_product as product
    on
        line.product_id = product.product_id
        and product.product_key <> -1
        and {{ valid_at("product", "header.valid_at") }};

{% include "facts/fact_sales/reconciled.sql" %}

-- How the line counts. What is left of a refunded order was paid back whole, with tax and shipping: each line's own net
-- amount, so that the parts sum to it exactly. An order that gives more back than it sells has nothing left to refund.
create temp table new_sale distkey (order_id) as
with left_over as (
    select
        resolved_sale.*,
        reconciled_order.computed_total,
        reconciled_order.difference_reason,
        not(is_unconverted or (is_excluded and quantity > 0)) as is_revenue,
        is_unconverted or is_excluded as is_left_out,
        quantity < 0 as is_return,
        not is_unconverted
        and is_refunded
        and sum(line_total - discount_amount) over (partition by resolved_sale.order_id) > 0 as is_paid_back,
        not is_unconverted
        and is_partly_refunded
        and min(quantity) over (partition by resolved_sale.order_id) >= 0 as is_unsettled
    from resolved_sale
    inner join reconciled_order on resolved_sale.order_id = reconciled_order.order_id
),

counted as (
    select
        left_over.*,
        case when is_revenue and not is_return then line_total else 0 end as gross_sales,
        case when is_left_out then 0 else discount_amount end as discounts,
        case when is_revenue and is_return then -line_total else 0 end
        + case when is_paid_back then line_total - discount_amount else 0 end as returns,
        case when is_paid_back then line_total - discount_amount else 0 end as refunds,
        case when is_left_out or is_paid_back then 0 else tax_amount end as taxes,
        case when is_left_out or is_paid_back then 0 else shipping_amount end as shipping,
        case when is_revenue then quantity * unit_cost else 0 end as cost
    from left_over
)

select
    order_item_id,
    order_id,
    {{ business_day(load, "order_date") }} as order_date,
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
    is_revenue,
    is_return,
    delivery_date,
    canonical_status,
    is_unsettled,
    is_unconverted,
    -- DECIMAL of 19 digits is stored in 64 bits, and holds the sum of some amounts of 18
    -- (https://docs.aws.amazon.com/redshift/latest/dg/r_Numeric_types201.html).
    cast(gross_sales as decimal(19, 4)) as gross_sales,
    cast(discounts as decimal(19, 4)) as discounts,
    cast(returns as decimal(19, 4)) as returns,
    cast(refunds as decimal(19, 4)) as refunds,
    cast(gross_sales - discounts - returns as decimal(19, 4)) as net_sales,
    cast(taxes as decimal(19, 4)) as taxes,
    cast(shipping as decimal(19, 4)) as shipping,
    cast(gross_sales - discounts - returns + taxes + shipping as decimal(19, 4)) as total_sales,
    cast(cost as decimal(38, 4)) as cost,
    cast(gross_sales - discounts - returns - cost as decimal(38, 4)) as gross_profit_after_discount,
    order_total,
    computed_total,
    difference_reason
from counted;
