-- The number of orders of each customer that were shipped to the place.
create temp table geography_customer_change distkey (geography_key) as
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
left join analytics.agg_geography_customer as published
    on changes.geography_key = published.geography_key and changes.customer_id = published.customer_id
where changes.orders_change <> 0;

-- if: changed_orders
delete from analytics.agg_geography_customer
using geography_customer_change
where
    agg_geography_customer.geography_key = geography_customer_change.geography_key
    and agg_geography_customer.customer_id = geography_customer_change.customer_id
    and geography_customer_change.old_orders <> 0;

-- if: changed_orders
insert into analytics.agg_geography_customer (geography_key, customer_id, orders)
select
    geography_key,
    customer_id,
    old_orders + orders_change as orders
from geography_customer_change
where old_orders + orders_change <> 0;
