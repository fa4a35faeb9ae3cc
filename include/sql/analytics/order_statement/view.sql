{% from "macros/statement.sql" import statement_columns %}
create or replace view analytics.order_statement as
select
    order_id,
    customer_id,
    order_date,
    canonical_status,
    units as units_sold,
    {{ statement_columns() }},
    revenue as total_revenue,
    coalesce(unsettled_orders, 0) > 0 as is_unsettled
from analytics.agg_order;
