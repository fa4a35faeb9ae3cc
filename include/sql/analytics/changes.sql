-- The change since the last publish: revenue lines of the touched orders as published (-1) and as they are (+1).
{% from "macros/bounds.sql" import span, within %}
{% from "macros/queue.sql" import queued %}
{% from "macros/statement.sql" import AMOUNTS %}
-- bounds: days of the lines of the queued orders
select
    {{ span("first_date", "sale", "last_date") }}
from history.pending_range
where table_name = 'fact_sales';

create temp table line_change distkey (order_id) as
select
    -1 as change,
    order_id,
    order_date,
    customer_id,
    product_id,
    geography_key,
    quantity,
    line_total,
    gross_profit,
    cast(null as varchar(63)) as canonical_status,
    cast(null as varchar(16)) as currency,
    cast(null as decimal(18, 4)) as order_total,
    cast(null as decimal(38, 4)) as computed_total,
    cast(null as varchar(16)) as difference_reason,
    is_unsettled,
    {% for amount in AMOUNTS %}
        {{ amount }},
    {% endfor %}
    cost
from history.published_line
union all
select
    1 as change,
    sales.order_id,
    sales.order_date,
    sales.customer_id,
    sales.product_id,
    sales.geography_key,
    sales.quantity,
    sales.line_total,
    sales.gross_profit,
    sales.canonical_status,
    sales.currency,
    sales.order_total,
    sales.computed_total,
    sales.difference_reason,
    sales.is_unsettled,
    {% for amount in AMOUNTS %}
        sales.{{ amount }},
    {% endfor %}
    sales.cost
from facts.fact_sales as sales
where
    sales.is_revenue
    and {{ within("sales.order_date", "sale") }}
    and sales.order_id in (
        {{ queued("agg_order") }}
    );

-- All lines of one order share its date, customer and place.
create temp table order_change distkey (order_id) as
select
    change,
    order_id,
    max(customer_id) as customer_id,
    max(order_date) as order_date,
    cast(date_trunc('month', max(order_date)) as date) as month_start,
    max(geography_key) as geography_key,
    max(canonical_status) as canonical_status,
    max(currency) as currency,
    max(order_total) as order_total,
    max(computed_total) as computed_total,
    max(difference_reason) as difference_reason,
    change * max(case when is_unsettled then 1 else 0 end) as unsettled_orders,
    change * sum(cast(quantity as bigint)) as units,
    change * sum(line_total) as revenue,
    {% for amount in AMOUNTS %}
        change * sum(coalesce({{ amount }}, 0)) as {{ amount }},
    {% endfor %}
    change * sum(case when cost is not null then 1 else 0 end) as costed_lines,
    change * sum(coalesce(cost, 0)) as cost,
    change * sum(case when cost is not null then line_total else 0 end) as costed_revenue,
    change * sum(case when cost is not null then gross_sales - discounts - returns else 0 end)
        as costed_net_sales
from line_change
group by change, order_id;

-- bounds: days and months that changed
select
    {{ span("order_date", "order") }},
    {{ span("month_start", "month") }},
    count(*) as changed_orders
from order_change;
