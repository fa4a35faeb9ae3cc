-- audit: tax, shipping and discount of a touched order's lines sum to the order's amounts, to the last decimal
-- severity: fail
-- reads: facts/fact_sales/audited.sql
with allocated as (
    select
        order_id,
        sum(tax_amount) as tax_amount,
        sum(shipping_amount) as shipping_amount,
        sum(discount_amount) as discount_amount
    from audited_sale
    group by order_id
)

select
    headers.order_id,
    headers.tax,
    allocated.tax_amount,
    headers.shipping_cost,
    allocated.shipping_amount,
    headers.discount,
    allocated.discount_amount
from audited_header as headers
inner join allocated on headers.order_id = allocated.order_id
where
    headers.tax <> allocated.tax_amount
    or headers.shipping_cost <> allocated.shipping_amount
    or headers.discount <> allocated.discount_amount
