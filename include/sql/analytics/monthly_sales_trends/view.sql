{% from "macros/quotient.sql" import quotient %}
create or replace view analytics.monthly_sales_trends as
with bounds as (
    select
        min(month_start) as first_month,
        max(month_start) as last_month
    from analytics.agg_month
),

months as (
    select
        dates.full_date as month_start,
        dates.year_number,
        dates.month_number,
        dates.month_name,
        dates.quarter_number,
        coalesce(sales.total_orders, 0) as total_orders,
        coalesce(sales.unique_customers, 0) as unique_customers,
        coalesce(sales.units_sold, 0) as units_sold,
        coalesce(sales.total_revenue, 0) as total_revenue
    from dimensions.dim_date as dates
    inner join bounds on dates.full_date between bounds.first_month and bounds.last_month
    left join analytics.agg_month as sales on dates.full_date = sales.month_start
    where dates.day_of_month = 1
),

compared as (
    select
        months.year_number,
        months.month_number,
        months.month_name,
        months.quarter_number,
        months.total_orders,
        months.unique_customers,
        months.units_sold,
        months.total_revenue,
        lag(months.total_revenue) over (order by months.month_start) as previous_revenue,
        lag(months.unique_customers) over (order by months.month_start) as previous_customers
    from months
)

select
    year_number,
    month_number,
    month_name,
    quarter_number,
    total_orders,
    unique_customers,
    units_sold,
    total_revenue,
    {{ quotient("total_revenue", "total_orders") }} as average_order_value,
    {{ quotient("100 * (total_revenue - previous_revenue)", "previous_revenue") }} as revenue_growth_percent,
    {{ quotient("100 * (unique_customers - previous_customers)", "previous_customers") }}
        as customer_growth_percent
from compared;
