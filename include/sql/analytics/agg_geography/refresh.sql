-- Adds to each place what its orders and customers gained or lost.
-- if: changed_orders
create temp table new_geography as
select
    changes.geography_key,
    sum(changes.total_customers) as total_customers,
    sum(changes.total_orders) as total_orders,
    sum(changes.total_revenue) as total_revenue
from (
    select
        geography_key,
        0 as total_customers,
        change as total_orders,
        revenue as total_revenue
    from order_change
    union all
    select
        geography_key,
        case when old_orders + orders_change > 0 then 1 else 0 end
        - case when old_orders > 0 then 1 else 0 end as total_customers,
        0 as total_orders,
        0 as total_revenue
    from geography_customer_change
    union all
    select
        places.geography_key,
        places.total_customers,
        places.total_orders,
        places.total_revenue
    from analytics.agg_geography as places
    where places.geography_key in (select order_change.geography_key from order_change)
) as changes
group by changes.geography_key;

-- if: changed_orders
delete from analytics.agg_geography
using new_geography
where agg_geography.geography_key = new_geography.geography_key;

-- if: changed_orders
insert into analytics.agg_geography (
    geography_key, country, state, city, total_customers, total_orders, total_revenue
)
select
    place.geography_key,
    place.country,
    place.state,
    place.city,
    new_geography.total_customers,
    new_geography.total_orders,
    new_geography.total_revenue
from new_geography
inner join dimensions.dim_geography as place on new_geography.geography_key = place.geography_key
where new_geography.total_orders <> 0;
