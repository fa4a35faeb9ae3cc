-- audit: lines of the run's days whose order has not arrived stay below 2 % (they load by themselves when it does)
-- severity: warn
-- reads: facts/fact_sales/audited.sql
select
    count(*) as run_lines,
    sum(case when headers.order_id is null then 1 else 0 end) as held_lines
from audited_line as lines
left join audited_header as headers on lines.order_id = headers.order_id
where lines.delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
having sum(case when headers.order_id is null then 1 else 0 end) > 0.02 * count(*)
