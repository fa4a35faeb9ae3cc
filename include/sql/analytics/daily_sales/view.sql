{% from "macros/statement.sql" import statement_by %}
create or replace view analytics.daily_sales as
{{ statement_by("order_date", "order_date") }};
