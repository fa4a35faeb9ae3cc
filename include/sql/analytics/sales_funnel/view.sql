-- Web sessions and orders of a day side by side.
{% from "macros/quotient.sql" import quotient %}
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
    {{ quotient("100 * funnel.sessions_with_cart", "funnel.sessions") }} as cart_rate_percent,
    {{ quotient("100 * funnel.sessions_with_purchase", "funnel.sessions") }} as conversion_rate_percent
from analytics.agg_funnel_day as funnel
left join analytics.agg_day as days on funnel.event_date = days.order_date;
