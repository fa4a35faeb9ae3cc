-- Rebuilds the pending returns of fact_returns from the newest delivery of each; who bought what is the sale's.
-- Grain and key: return_id. A return whose sale is not there yet waits: it is queued again by the next delivery.
-- after: fact_sales
{% from "macros/queue.sql" import count_merge, dequeue, touched_keys %}
{% from "macros/versions.sql" import newest_rank %}
lock table history.pending_key;

create temp table touched_return distkey (return_id) as
{{ touched_keys("goods_return", "return_id") }};

delete from facts.fact_returns
using touched_return
where fact_returns.return_id = touched_return.return_id;

insert into facts.fact_returns (
    return_id, order_item_id, returned_by, returned_at, customer_key, product_key, quantity, refund_amount,
    reason
)
select
    newest.return_id,
    newest.order_item_id,
    newest.customer_id as returned_by,
    newest.returned_at,
    sales.customer_key,
    sales.product_key,
    newest.quantity,
    newest.refund_amount,
    newest.reason
from (
    select
        deliveries.*,
        {{ newest_rank("deliveries.return_id", "deliveries") }} as version_rank
    from history.returns as deliveries
    inner join touched_return on deliveries.return_id = touched_return.return_id
) as newest
inner join facts.fact_sales as sales on newest.order_item_id = sales.order_item_id
where newest.version_rank = 1;

{{ dequeue("goods_return") }};

{{ count_merge() }};
