-- audit: order_item_id is unique in fact_sales (touched orders); Redshift does not enforce the key, the planner trusts it
-- severity: fail
with touched as (
    select distinct order_item_id
    from facts.fact_sales
    where
        order_id in (
            select key_value from history.pending_key
            where entity = 'agg_order'
        )
)

select
    sales.order_item_id,
    count(*) as copies
from touched
inner join facts.fact_sales as sales on touched.order_item_id = sales.order_item_id
group by sales.order_item_id
having count(*) > 1
