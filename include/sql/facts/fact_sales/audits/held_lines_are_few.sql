-- audit: lines of the run's days whose order has not arrived stay below 2 % (they load by themselves when it does)
-- severity: warn
-- reads: facts/fact_sales/audited.sql
{% from "macros/queue.sql" import queued %}
with run_line as (
    select distinct
        items.order_item_id,
        items.delivery_date,
        headers.order_id as arrived_id
    from history.order_items as items
    left join audited_header as headers on items.order_id = headers.order_id
    where
        items.delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
        and items.order_id in (
            {{ queued("agg_order") }}
        )
)

select
    count(*) as run_lines,
    sum(case when arrived_id is null then 1 else 0 end) as held_lines
from run_line
having sum(case when arrived_id is null then 1 else 0 end) > 0.02 * count(*)
