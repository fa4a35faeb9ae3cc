-- What `make run` shows of the warehouse: one query per section; a section begins with its title in a comment.

-- section: Ledger per day (every raw row is accounted for)
select
    source,
    delivery_date as day,
    files,
    raw_rows,
    accepted_rows as accepted,
    superseded_rows as superseded,
    quarantined_rows as quarantined,
    raw_rows - accepted_rows - superseded_rows - quarantined_rows as difference
from quality.ledger
order by source, delivery_date;

-- section: Ledger over all days
select
    source,
    count(*) as days,
    sum(files) as files,
    sum(raw_rows) as raw_rows,
    sum(accepted_rows) as accepted,
    sum(superseded_rows) as superseded,
    sum(quarantined_rows) as quarantined,
    sum(raw_rows - accepted_rows - superseded_rows - quarantined_rows) as difference
from quality.ledger
group by source
order by source;

-- section: Order lines over the whole warehouse
select
    source,
    accepted_rows as accepted,
    current_rows as "current",
    superseded_rows as superseded,
    held_rows as held,
    accepted_amount - current_amount - superseded_amount - held_amount as money_difference
from quality.ledger_balance
where source = 'order_items';

-- section: analytics.customer_360
select
    full_name,
    customer_segment,
    city,
    total_orders,
    lifetime_value,
    rfm_score,
    customer_status
from analytics.customer_360
order by lifetime_value desc, customer_id
limit 3;

-- section: analytics.product_performance
select
    product_name,
    category_name,
    units_sold,
    total_revenue,
    gross_margin_percent,
    revenue_rank_in_category
from analytics.product_performance
order by overall_revenue_rank, product_id
limit 3;

-- section: analytics.monthly_sales_trends
select
    year_number as year,
    month_name as month,
    total_orders,
    unique_customers,
    total_revenue,
    average_order_value,
    revenue_growth_percent
from analytics.monthly_sales_trends
order by year_number desc, month_number desc
limit 3;

-- section: analytics.geographic_sales
select
    state,
    city,
    total_customers,
    total_revenue,
    revenue_per_customer,
    revenue_rank
from analytics.geographic_sales
order by revenue_rank, state, city
limit 3;

-- section: analytics.category_performance
select
    category_name,
    products,
    units_sold,
    total_revenue,
    gross_margin_percent,
    return_rate_percent,
    revenue_rank
from analytics.category_performance
order by revenue_rank, category_name
limit 3;

-- section: analytics.customer_cohorts
select
    cohort_month,
    months_since_first,
    cohort_size,
    active_customers,
    retention_percent,
    revenue
from analytics.customer_cohorts
order by cohort_month desc, months_since_first
limit 3;

-- section: analytics.sales_funnel
select
    event_date,
    sessions,
    sessions_with_cart,
    sessions_with_purchase,
    orders,
    revenue,
    conversion_rate_percent
from analytics.sales_funnel
order by event_date desc
limit 3;
