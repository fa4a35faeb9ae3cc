-- Web sessions and orders of a day side by side.
create or replace view analytics.sales_funnel as
select
    funnel.event_date,
    funnel.sessions,
    funnel.sessions_with_view,
    funnel.sessions_with_cart,
    funnel.sessions_with_checkout,
    funnel.sessions_with_purchase,
    coalesce(days.total_orders, 0) as orders,
    coalesce(days.total_revenue, 0) as revenue,
    cast(
        case
            when funnel.sessions > 0 then round(100.0 * funnel.sessions_with_cart / funnel.sessions, 2)
        end as decimal(38, 2)
    ) as cart_rate_percent,
    cast(
        case
            when funnel.sessions > 0 then round(100.0 * funnel.sessions_with_purchase / funnel.sessions, 2)
        end as decimal(38, 2)
    ) as conversion_rate_percent
from analytics.agg_funnel_day as funnel
left join analytics.agg_day as days on funnel.event_date = days.order_date;
