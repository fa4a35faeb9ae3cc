{% from "macros/statement.sql" import statement_by %}
create or replace view analytics.monthly_statement as
{{ statement_by("cast(date_trunc('month', order_date) as date)", "month_start", "dates.day_of_month = 1") }};
