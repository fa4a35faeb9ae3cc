-- The current header of each order.
{% from "macros/bounds.sql" import within %}
{% from "macros/keys.sql" import first_version_key, hash_key %}
{% from "macros/queue.sql" import queued %}
{% from "macros/time.sql" import within_time %}
{% from "macros/versions.sql" import newest_rank, valid_at %}
create temp table standing distkey (order_id) as
select
    numbered.order_id,
    numbered.customer_id,
    numbered.order_date,
    numbered.order_status,
    numbered.payment_method,
    numbered.currency,
    numbered.shipping_country,
    numbered.shipping_state,
    numbered.shipping_city,
    numbered.tax,
    numbered.shipping_cost,
    numbered.discount,
    numbered.subtotal,
    numbered.total_amount,
    -- Versions begin and end within time, so a date outside is resolved as the nearest one inside.
    {{ within_time("numbered.order_date") }} as valid_at
from (
    select
        orders.order_id,
        orders.customer_id,
        orders.order_date,
        orders.order_status,
        orders.payment_method,
        orders.currency,
        orders.shipping_country,
        orders.shipping_state,
        orders.shipping_city,
        coalesce(orders.tax, 0) as tax,
        coalesce(orders.shipping_cost, 0) as shipping_cost,
        coalesce(orders.discount, 0) as discount,
        orders.subtotal,
        orders.total_amount,
        {{ newest_rank("orders.order_id", "orders") }} as version_rank
    from history.orders as orders
    where
        {{ within("orders.delivery_date", "order") }}
        and orders.order_id in (
            {{ queued("sales_order") }}
        )
) as numbered
where numbered.version_rank = 1;

-- The header with the version of the customer and the place, which are the same for all lines of the order.
create temp table header distkey (order_id) as
with placed as (
    select
        standing.order_id,
        standing.customer_id,
        standing.order_date,
        standing.valid_at,
        standing.order_status,
        standing.payment_method,
        standing.currency,
        standing.tax,
        standing.shipping_cost,
        standing.discount,
        standing.subtotal,
        standing.total_amount,
        customer.customer_key,
        coalesce(standing.shipping_country, customer.country, 'unknown') as country,
        case
            when
                standing.shipping_state is null and standing.shipping_city is null
                then coalesce(customer.state, 'unknown')
            else coalesce(standing.shipping_state, 'unknown')
        end as state,
        case
            when
                standing.shipping_state is null and standing.shipping_city is null
                then coalesce(customer.city, 'unknown')
            else coalesce(standing.shipping_city, 'unknown')
        end as city
    from standing
    left join dimensions.dim_customer as customer
        on
            standing.customer_id = customer.customer_id
            and customer.customer_key <> -1
            and {{ valid_at("customer", "standing.valid_at") }}
)

select
    order_id,
    customer_id,
    order_date,
    valid_at,
    order_status,
    payment_method,
    currency,
    tax,
    shipping_cost,
    discount,
    subtotal,
    total_amount,
    case
        when customer_id is null then -1
        else coalesce(customer_key, {{ first_version_key("customer_id") }})
    end as customer_key,
    country,
    state,
    city,
    {{ hash_key("md5(country) || md5(state) || md5(city)") }} as geography_key
from placed;
