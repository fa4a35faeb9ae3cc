-- Adds to each month what its orders and customers gained or lost.
-- if: changed_orders
create temp table new_month as
select
    changes.month_start,
    sum(changes.total_orders) as total_orders,
    sum(changes.unique_customers) as unique_customers,
    sum(changes.units_sold) as units_sold,
    sum(changes.total_revenue) as total_revenue
from (
    select
        month_start,
        change as total_orders,
        0 as unique_customers,
        units as units_sold,
        revenue as total_revenue
    from order_change
    union all
    -- a customer counts from its first order of the month to its last
    select
        month_start,
        0 as total_orders,
        case when old_orders + orders_change > 0 then 1 else 0 end
        - case when old_orders > 0 then 1 else 0 end as unique_customers,
        0 as units_sold,
        0 as total_revenue
    from customer_month_change
    union all
    select
        months.month_start,
        months.total_orders,
        months.unique_customers,
        months.units_sold,
        months.total_revenue
    from analytics.agg_month as months
    where months.month_start in (select order_change.month_start from order_change)
) as changes
group by changes.month_start;

-- if: changed_orders
delete from analytics.agg_month
using new_month
where agg_month.month_start = new_month.month_start;

-- if: changed_orders
insert into analytics.agg_month (month_start, total_orders, unique_customers, units_sold, total_revenue)
select
    month_start,
    total_orders,
    unique_customers,
    units_sold,
    total_revenue
from new_month
where total_orders <> 0;
