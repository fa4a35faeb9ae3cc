-- audit: nothing waits to be merged; otherwise another run is half-way, and this task is to be tried again after it
-- severity: fail
select
    entity,
    count(*) as pending_keys
from history.pending_key
where entity not in ('agg_customer', 'agg_product', 'agg_order', 'agg_all')
group by entity
union all
select
    'inventory' as entity,
    count(*) as pending_keys
from history.pending_inventory
having count(*) > 0
