-- The shop's total of an order against that of its lines, with the reason of a difference (docs/metrics.md,
-- "Reconciliation"). A step of facts/fact_sales/merge.sql. A shop either leaves the total of an order with returns as it
-- was placed, or reduces it; the one that is equal counts. Each line may be rounded by a hundredth.
create temp table reconciled_order distkey (order_id) as
with sums as (
    select
        order_id,
        max(order_total) as order_total,
        max(order_subtotal) as order_subtotal,
        max(order_tax) as order_tax,
        sum(case when quantity >= 0 then line_total else 0 end) as sold,
        sum(line_total) as standing,
        max(order_tax + order_shipping - order_discount) as extras,
        cast(0.01 as decimal(5, 4)) * count(*) as tolerance
    from resolved_sale
    group by order_id
),

computed as (
    select
        sums.*,
        case when order_total = standing + extras then standing else sold end + extras as computed_total
    from sums
)

select
    order_id,
    cast(computed_total as decimal(38, 4)) as computed_total,
    case
        when order_total is null then 'no_total'
        when order_total = computed_total then 'equal'
        when abs(order_total - computed_total) <= tolerance then 'rounding'
        when order_tax <> 0 and abs(order_total + order_tax - computed_total) <= tolerance then 'tax_inclusive'
        when
            order_subtotal > sold
            and abs(order_total - computed_total - order_subtotal + sold) <= tolerance
            then 'missing_line'
        when
            order_subtotal < sold
            and abs(order_total - computed_total - order_subtotal + sold) <= tolerance
            then 'extra_line'
        else 'unknown'
    end as difference_reason
from computed;
