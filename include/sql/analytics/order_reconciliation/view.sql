create or replace view analytics.order_reconciliation as
select
    order_id,
    order_date,
    canonical_status,
    currency,
    order_total,
    computed_total,
    order_total - computed_total as difference,
    difference_reason
from analytics.agg_order;
