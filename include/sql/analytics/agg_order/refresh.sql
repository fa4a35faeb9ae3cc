-- Replaces the orders that changed.
{% from "macros/bounds.sql" import within %}
-- if: changed_orders
delete from analytics.agg_order
using order_change
where
    agg_order.order_id = order_change.order_id
    and order_change.change = -1
    and {{ within("agg_order.order_date", "order") }};

-- if: changed_orders
insert into analytics.agg_order (order_id, customer_id, order_date, geography_key, units, revenue)
select
    order_id,
    customer_id,
    order_date,
    geography_key,
    units,
    revenue
from order_change
where change = 1;
