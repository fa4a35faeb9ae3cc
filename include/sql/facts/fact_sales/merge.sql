-- Rebuilds the lines of the pending orders of fact_sales from history and the dimensions. Grain: one order line. Key:
-- order_item_id. Dimension keys are resolved as of the order date. A line whose order has not arrived is held: it
-- stays in history until the order arrives. dim_geography is maintained in this transaction, because its members are
-- the places of these lines, and another run may move a customer between two transactions.
{% from "macros/queue.sql" import count_merge, dequeue, touched_keys, work %}
lock table history.pending_key;

-- needed: orders wait to be merged
{{ work("sales_order") }};

create temp table touched_order distkey (order_id) as
{{ touched_keys("sales_order", "order_id") }};

{% include "facts/fact_sales/bounds.sql" %}
{% include "facts/fact_sales/headers.sql" %}
{% include "facts/fact_sales/lines.sql" %}
{% include "facts/fact_sales/allocation.sql" %}
{% include "facts/fact_sales/new_sales.sql" %}
{% include "facts/fact_sales/replace_lines.sql" %}
{% include "dimensions/dim_geography/members.sql" %}
{% include "facts/agg_product_day/units.sql" %}
{% include "history/published_line/keep.sql" %}

insert into history.pending_key (entity, key_value)
select
    'agg_order' as entity,
    touched_order.order_id as key_value
from touched_order
left join kept_order as kept on touched_order.order_id = kept.order_id
where kept.order_id is null;

{{ dequeue("sales_order", "shared_order") }};

{{ count_merge() }};
