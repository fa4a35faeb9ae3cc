-- The lines of an order are the newest versions of its items. An item that was once delivered in another order may have
-- its newest version there, so that order is read as well; all other orders are read alone.
create table if not exists history.shared_item (
    order_item_id varchar(64) not null,
    order_id varchar(64) not null
)
distkey (order_item_id);

insert into history.shared_item (order_item_id, order_id)
with shared as (
    select order_item_id
    from history.order_items
    group by order_item_id
    having count(distinct order_id) > 1
)

select distinct
    items.order_item_id,
    items.order_id
from history.order_items as items
inner join shared
    on items.order_item_id = shared.order_item_id
where not exists (select 1 from history.shared_item);
