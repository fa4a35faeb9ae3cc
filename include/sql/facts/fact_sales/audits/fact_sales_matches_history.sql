-- audit: every current line of a touched order whose header has arrived is in fact_sales once, with its amount
-- severity: fail
-- reads: facts/fact_sales/audited.sql
with expected as (
    select
        lines.order_id,
        count(*) as order_lines,
        sum(lines.line_total) as amount
    from audited_line as lines
    inner join audited_header as headers on lines.order_id = headers.order_id
    group by lines.order_id
),

loaded as (
    select
        order_id,
        count(*) as order_lines,
        sum(line_total) as amount
    from audited_sale
    group by order_id
)

select
    coalesce(expected.order_id, loaded.order_id) as order_id,
    expected.order_lines as history_lines,
    loaded.order_lines as fact_lines,
    expected.amount as history_amount,
    loaded.amount as fact_amount
from expected
full outer join loaded on expected.order_id = loaded.order_id
where
    coalesce(expected.order_lines, 0) <> coalesce(loaded.order_lines, 0)
    or coalesce(expected.amount, 0) <> coalesce(loaded.amount, 0)
