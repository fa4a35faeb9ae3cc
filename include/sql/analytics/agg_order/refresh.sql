-- Replaces the orders that changed.
{% from "macros/bounds.sql" import within %}
{% from "macros/statement.sql" import AMOUNTS, COSTS %}
-- if: changed_orders
delete from analytics.agg_order
using order_change
where
    agg_order.order_id = order_change.order_id
    and order_change.change = -1
    and {{ within("agg_order.order_date", "order") }};

-- if: changed_orders
insert into analytics.agg_order (
    order_id,
    customer_id,
    order_date,
    geography_key,
    units,
    revenue,
    canonical_status,
    currency,
    order_total,
    computed_total,
    difference_reason,
    unsettled_orders,
    {% for amount in AMOUNTS + COSTS %}
        {{ amount }},
    {% endfor %}
    costed_lines
)
select
    order_id,
    customer_id,
    order_date,
    geography_key,
    units,
    revenue,
    canonical_status,
    currency,
    order_total,
    computed_total,
    difference_reason,
    unsettled_orders,
    {% for amount in AMOUNTS + COSTS %}
        {{ amount }},
    {% endfor %}
    costed_lines
from order_change
where change = 1;
