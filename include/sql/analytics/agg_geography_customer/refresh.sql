-- The number of orders of each customer that were shipped to the place.
{% from "macros/queue.sql" import rebuild_is_queued %}
create temp table geography_customer_change distkey (geography_key) as
with published as (
    select
        geography_key,
        customer_id,
        orders
    from analytics.agg_geography_customer
    where
        not {{ rebuild_is_queued() }}
)

select
    changes.geography_key,
    changes.customer_id,
    changes.orders_change,
    coalesce(published.orders, 0) as old_orders
from (
    select
        geography_key,
        customer_id,
        sum(change) as orders_change
    from order_change
    where customer_id is not null
    group by geography_key, customer_id
) as changes
left join published
    on changes.geography_key = published.geography_key and changes.customer_id = published.customer_id
where changes.orders_change <> 0;

delete from analytics.agg_geography_customer
using geography_customer_change
where
    agg_geography_customer.geography_key = geography_customer_change.geography_key
    and agg_geography_customer.customer_id = geography_customer_change.customer_id
    and geography_customer_change.old_orders <> 0;

insert into analytics.agg_geography_customer (geography_key, customer_id, orders)
select
    geography_key,
    customer_id,
    old_orders + orders_change as orders
from geography_customer_change
where old_orders + orders_change <> 0;
