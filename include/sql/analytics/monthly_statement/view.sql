{% from "macros/statement.sql" import AMOUNTS, COSTS, statement_columns %}
{% set SUMS = ("orders", "units_sold", "total_revenue", "unsettled_orders", "costed_lines") + AMOUNTS + COSTS %}
create or replace view analytics.monthly_statement as
with sales as (
    select
        {% for amount in SUMS %}
            sum({{ amount }}) as {{ amount }},
        {% endfor %}
        cast(date_trunc('month', order_date) as date) as month_start
    from analytics.agg_statement
    group by cast(date_trunc('month', order_date) as date)
),

bounds as (
    select
        min(month_start) as first_month,
        max(month_start) as last_month
    from sales
),

-- A month with sales that the calendar does not have is in the view all the same.
calendar as (
    select dates.full_date as month_start
    from dimensions.dim_date as dates
    inner join bounds on dates.full_date between bounds.first_month and bounds.last_month
    where dates.day_of_month = 1
    union
    select month_start
    from sales
),

months as (
    select
        {% for amount in SUMS %}
            coalesce(sales.{{ amount }}, 0) as {{ amount }},
        {% endfor %}
        calendar.month_start
    from calendar
    left join sales on calendar.month_start = sales.month_start
)

select
    month_start,
    orders,
    units_sold,
    {{ statement_columns() }},
    total_revenue,
    gross_sales - discounts - returns as net_revenue,
    unsettled_orders
from months;
