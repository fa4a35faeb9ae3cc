-- Adds to each day what its orders gained or lost.
-- if: changed_orders
create temp table new_day as
select
    changes.order_date,
    sum(changes.total_orders) as total_orders,
    sum(changes.total_revenue) as total_revenue
from (
    select
        order_date,
        change as total_orders,
        revenue as total_revenue
    from order_change
    union all
    select
        days.order_date,
        days.total_orders,
        days.total_revenue
    from analytics.agg_day as days
    where days.order_date in (select order_change.order_date from order_change)
) as changes
group by changes.order_date;

-- if: changed_orders
delete from analytics.agg_day
using new_day
where agg_day.order_date = new_day.order_date;

-- if: changed_orders
insert into analytics.agg_day (order_date, total_orders, total_revenue)
select
    order_date,
    total_orders,
    total_revenue
from new_day
where total_orders <> 0;
