{% from "macros/statement.sql" import statement_columns %}
create or replace view analytics.sales_statement as
select
    order_date,
    country,
    state,
    city,
    orders,
    units_sold,
    {{ statement_columns() }},
    total_revenue,
    unsettled_orders
from analytics.agg_statement;
