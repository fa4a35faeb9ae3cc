-- audit: order_item_id is unique in fact_sales (touched orders); Redshift does not enforce the key, the planner trusts it
-- severity: fail
{% from "macros/distrust.sql" import undeclared_text %}
{% from "macros/queue.sql" import queued %}
select
    {{ undeclared_text("order_item_id") }} as order_item_id,
    count(*) as copies
from facts.fact_sales
where
    order_item_id in (
        select touched.order_item_id
        from facts.fact_sales as touched
        where
            touched.order_id in (
                {{ queued("agg_order") }}
            )
    )
group by {{ undeclared_text("order_item_id") }}
having count(*) > 1
