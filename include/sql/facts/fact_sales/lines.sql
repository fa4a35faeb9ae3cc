-- The current version of each item that any delivery put into a touched order. An item that has moved to another order
-- is left out by the join with header.
{% from "macros/bounds.sql" import within %}
{% from "macros/queue.sql" import queued %}
{% from "macros/versions.sql" import newest_rank %}
create temp table line distkey (order_id) as
select
    numbered.order_item_id,
    numbered.order_id,
    numbered.product_id,
    numbered.quantity,
    numbered.unit_price,
    cast(coalesce(numbered.line_total, numbered.quantity * numbered.unit_price) as decimal(18, 4))
        as line_total,
    numbered.delivery_date
from (
    select
        items.*,
        {{ newest_rank("items.order_item_id", "items") }} as version_rank
    from history.order_items as items
    where
        {{ within("items.delivery_date", "item") }}
        and items.order_id in (
            {{ queued("sales_order", "", "shared_order") }}
        )
) as numbered
where numbered.version_rank = 1;
