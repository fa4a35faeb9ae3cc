-- audit: the statement of every touched line adds up, and before discounts and refunds it is the line's revenue
-- severity: fail
-- reads: facts/fact_sales/audited.sql
select
    order_item_id,
    order_id,
    line_total,
    gross_sales,
    discounts,
    returns,
    refunds,
    net_sales,
    total_sales
from audited_sale
where
    canonical_status is null
    or coalesce(net_sales <> gross_sales - discounts - returns, true)
    or coalesce(total_sales <> net_sales + taxes + shipping, true)
    or coalesce(
        gross_sales - returns + refunds <> case when is_revenue then line_total else 0 end, true
    )
