{% from "macros/statement.sql" import AMOUNTS, COSTS, statement_columns %}
{% set SUMS = ("orders", "units_sold", "total_revenue", "unsettled_orders", "costed_lines") + AMOUNTS + COSTS %}
create or replace view analytics.daily_sales as
with sales as (
    select
        {% for amount in SUMS %}
            sum({{ amount }}) as {{ amount }},
        {% endfor %}
        order_date
    from analytics.agg_statement
    group by order_date
),

bounds as (
    select
        min(order_date) as first_day,
        max(order_date) as last_day
    from sales
),

-- A day with sales that the calendar does not have is in the view all the same.
calendar as (
    select dates.full_date as order_date
    from dimensions.dim_date as dates
    inner join bounds on dates.full_date between bounds.first_day and bounds.last_day
    union
    select order_date
    from sales
),

days as (
    select
        {% for amount in SUMS %}
            coalesce(sales.{{ amount }}, 0) as {{ amount }},
        {% endfor %}
        calendar.order_date
    from calendar
    left join sales on calendar.order_date = sales.order_date
)

select
    order_date,
    orders,
    units_sold,
    {{ statement_columns() }},
    total_revenue,
    gross_sales - discounts - returns as net_revenue,
    unsettled_orders
from days;
