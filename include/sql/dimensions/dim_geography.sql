-- Adds the places that pending orders were shipped to (SCD type 1). Members that no sale names any more go in
-- facts/fact_sales.sql, which knows the sales that vanished.
-- Rule of place (docs/metrics.md): shipping state and city, else the customer's as of the order date, else 'unknown'.
lock table history.pending_key;

insert into dimensions.dim_geography (geography_key, country, state, city)
with touched_order as (
    select distinct key_value as order_id
    from history.pending_key
    where entity = 'sales_order'
),

headers as (
    select
        orders.order_id,
        orders.customer_id,
        orders.order_date,
        orders.shipping_city,
        orders.shipping_state,
        orders.shipping_country,
        row_number() over (
            partition by orders.order_id order by orders.version_at desc, orders.row_hash desc
        ) as version_rank
    from history.orders as orders
    inner join touched_order on orders.order_id = touched_order.order_id
),

places as (
    select distinct
        coalesce(headers.shipping_country, customer.country, 'unknown') as country,
        case
            when headers.shipping_state is null and headers.shipping_city is null
                then coalesce(customer.state, 'unknown')
            else coalesce(headers.shipping_state, 'unknown')
        end as state,
        case
            when headers.shipping_state is null and headers.shipping_city is null
                then coalesce(customer.city, 'unknown')
            else coalesce(headers.shipping_city, 'unknown')
        end as city
    from headers
    left join dimensions.dim_customer as customer
        on
            headers.customer_id = customer.customer_id
            and headers.order_date >= customer.effective_from
            and headers.order_date < customer.effective_to
    where headers.version_rank = 1
),

keyed as (
    select
        strtol(left(md5(country || '|' || state || '|' || city), 15), 16) as geography_key,
        country,
        state,
        city
    from places
)

select
    keyed.geography_key,
    keyed.country,
    keyed.state,
    keyed.city
from keyed
where not exists (
    select 1 from dimensions.dim_geography
    where dim_geography.geography_key = keyed.geography_key
);

update quality.warehouse_state set merge_seq = merge_seq + 1;
