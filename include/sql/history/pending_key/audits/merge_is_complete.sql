-- audit: nothing waits to be merged; otherwise another run is half-way, and this task is to be tried again after it
-- severity: fail
{% from "macros/queue.sql" import waits_for_merge %}
select
    entity,
    count(*) as pending_keys
from history.pending_key
where {{ waits_for_merge() }}
group by entity
union all
select
    'inventory' as entity,
    count(*) as pending_keys
from history.pending_inventory
having count(*) > 0
