-- Adds to each customer and month what their orders gained or lost.
{% from "macros/bounds.sql" import within %}
create temp table customer_month_change distkey (customer_id) as
select
    changes.customer_id,
    changes.month_start,
    changes.orders_change,
    changes.revenue_change,
    coalesce(published.total_orders, 0) as old_orders,
    coalesce(published.revenue, 0) as old_revenue
from (
    select
        customer_id,
        month_start,
        sum(change) as orders_change,
        sum(revenue) as revenue_change
    from order_change
    where customer_id is not null
    group by customer_id, month_start
) as changes
left join analytics.agg_customer_month as published
    on
        changes.customer_id = published.customer_id
        and changes.month_start = published.month_start
        and {{ within("published.month_start", "month") }};

-- if: changed_orders
delete from analytics.agg_customer_month
using customer_month_change
where
    agg_customer_month.customer_id = customer_month_change.customer_id
    and agg_customer_month.month_start = customer_month_change.month_start
    and customer_month_change.old_orders <> 0
    and {{ within("agg_customer_month.month_start", "month") }};

-- if: changed_orders
insert into analytics.agg_customer_month (customer_id, month_start, total_orders, revenue)
select
    customer_id,
    month_start,
    old_orders + orders_change as total_orders,
    old_revenue + revenue_change as revenue
from customer_month_change
where old_orders + orders_change <> 0;
