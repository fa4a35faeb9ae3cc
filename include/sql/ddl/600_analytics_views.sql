-- The views of analytics. Definitions of metrics: docs/metrics.md. Ranks and shares are taken over the aggregates,
-- whose size is that of the keys, not of the history.

create or replace view analytics.customer_360 as
with scored as (
    select
        customers.customer_id,
        customers.full_name,
        customers.customer_segment,
        customers.city,
        customers.state,
        customers.country,
        customers.registration_date,
        customers.first_order_date,
        customers.last_order_date,
        customers.total_orders,
        customers.lifetime_value,
        customers.unique_products,
        published.published_day,
        datediff(day, customers.last_order_date, published.published_day) as recency_days,
        case
            when customers.total_orders > 0
                then
                    ntile(5) over (
                        partition by case when customers.total_orders > 0 then 1 else 0 end
                        order by customers.last_order_date asc, customers.customer_id asc
                    )
        end as recency_score,
        case
            when customers.total_orders > 0
                then
                    ntile(5) over (
                        partition by case when customers.total_orders > 0 then 1 else 0 end
                        order by customers.total_orders asc, customers.customer_id asc
                    )
        end as frequency_score,
        case
            when customers.total_orders > 0
                then
                    ntile(5) over (
                        partition by case when customers.total_orders > 0 then 1 else 0 end
                        order by customers.lifetime_value asc, customers.customer_id asc
                    )
        end as monetary_score
    from analytics.agg_customer as customers
    cross join analytics.published as published
)

select
    customer_id,
    full_name,
    customer_segment,
    city,
    state,
    country,
    registration_date,
    first_order_date,
    last_order_date,
    total_orders,
    lifetime_value,
    cast(case when total_orders > 0 then round(lifetime_value / total_orders, 2) end as decimal(38, 2))
        as average_order_value,
    unique_products,
    recency_days,
    total_orders as frequency,
    lifetime_value as monetary,
    recency_score,
    frequency_score,
    monetary_score,
    cast(recency_score as varchar(1))
    || cast(frequency_score as varchar(1))
    || cast(monetary_score as varchar(1))
        as rfm_score,
    case
        when total_orders = 0 then 'never_ordered'
        when recency_days <= 30 then 'active'
        when recency_days <= 90 then 'at_risk'
        else 'churned'
    end as customer_status
from scored;

create or replace view analytics.product_performance as
select
    product_id,
    product_name,
    category_name,
    brand,
    price as current_price,
    cost as current_cost,
    units_sold,
    total_revenue,
    case when costed_lines > 0 then gross_profit end as gross_profit,
    cast(case when costed_revenue <> 0 then round(100 * gross_profit / costed_revenue, 2) end as decimal(38, 2))
        as gross_margin_percent,
    orders,
    customers,
    cast(case when units_gross > 0 then round(100.0 * units_returned / units_gross, 2) end as decimal(38, 2))
        as return_rate_percent,
    rank() over (partition by category_name order by total_revenue desc) as revenue_rank_in_category,
    rank() over (order by total_revenue desc) as overall_revenue_rank
from analytics.agg_product;

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
    cast(case when total_orders > 0 then round(total_revenue / total_orders, 2) end as decimal(38, 2))
        as average_order_value,
    cast(
        case
            when
                previous_revenue <> 0
                then round(100 * (total_revenue - previous_revenue) / previous_revenue, 2)
        end as decimal(38, 2)
    ) as revenue_growth_percent,
    cast(
        case
            when previous_customers <> 0
                then round(100.0 * (unique_customers - previous_customers) / previous_customers, 2)
        end as decimal(38, 2)
    ) as customer_growth_percent
from compared;

create or replace view analytics.geographic_sales as
select
    country,
    state,
    city,
    total_customers,
    total_orders,
    total_revenue,
    cast(case when total_customers > 0 then round(total_revenue / total_customers, 2) end as decimal(38, 2))
        as revenue_per_customer,
    cast(
        case
            when sum(total_revenue) over () <> 0 then round(100 * total_revenue / sum(total_revenue) over (), 2)
        end as decimal(38, 2)
    ) as revenue_share_percent,
    rank() over (order by total_revenue desc) as revenue_rank
from analytics.agg_geography;

create or replace view analytics.category_performance as
with categories as (
    select
        coalesce(category_name, 'unknown') as category_name,
        count(*) as products,
        sum(units_sold) as units_sold,
        sum(total_revenue) as total_revenue,
        sum(costed_revenue) as costed_revenue,
        sum(case when costed_lines > 0 then gross_profit end) as gross_profit,
        sum(units_gross) as units_gross,
        sum(units_returned) as units_returned
    from analytics.agg_product
    group by coalesce(category_name, 'unknown')
)

select
    category_name,
    products,
    units_sold,
    total_revenue,
    gross_profit,
    cast(case when costed_revenue <> 0 then round(100 * gross_profit / costed_revenue, 2) end as decimal(38, 2))
        as gross_margin_percent,
    cast(case when units_gross > 0 then round(100.0 * units_returned / units_gross, 2) end as decimal(38, 2))
        as return_rate_percent,
    cast(
        case
            when sum(total_revenue) over () <> 0 then round(100 * total_revenue / sum(total_revenue) over (), 2)
        end as decimal(38, 2)
    ) as revenue_share_percent,
    rank() over (order by total_revenue desc) as revenue_rank
from categories;

-- Monthly retention: of the customers whose first order fell into cohort_month, how many ordered again n months later.
create or replace view analytics.customer_cohorts as
with firsts as (
    select
        customer_id,
        min(month_start) as cohort_month
    from analytics.agg_customer_month
    group by customer_id
),

sizes as (
    select
        cohort_month,
        count(*) as cohort_size
    from firsts
    group by cohort_month
),

activity as (
    select
        firsts.cohort_month,
        datediff(month, firsts.cohort_month, months.month_start) as months_since_first,
        count(*) as active_customers,
        sum(months.revenue) as revenue
    from analytics.agg_customer_month as months
    inner join firsts on months.customer_id = firsts.customer_id
    group by firsts.cohort_month, datediff(month, firsts.cohort_month, months.month_start)
)

select
    activity.cohort_month,
    activity.months_since_first,
    sizes.cohort_size,
    activity.active_customers,
    cast(round(100.0 * activity.active_customers / sizes.cohort_size, 2) as decimal(38, 2))
        as retention_percent,
    activity.revenue
from activity
inner join sizes on activity.cohort_month = sizes.cohort_month;

-- From web sessions to orders, per day.
create or replace view analytics.sales_funnel as
select
    funnel.event_date,
    funnel.sessions,
    funnel.sessions_with_view,
    funnel.sessions_with_cart,
    funnel.sessions_with_checkout,
    funnel.sessions_with_purchase,
    coalesce(days.total_orders, 0) as orders,
    coalesce(days.total_revenue, 0) as revenue,
    cast(
        case
            when funnel.sessions > 0 then round(100.0 * funnel.sessions_with_cart / funnel.sessions, 2)
        end as decimal(38, 2)
    ) as cart_rate_percent,
    cast(
        case
            when funnel.sessions > 0 then round(100.0 * funnel.sessions_with_purchase / funnel.sessions, 2)
        end as decimal(38, 2)
    ) as conversion_rate_percent
from analytics.agg_funnel_day as funnel
left join analytics.agg_day as days on funnel.event_date = days.order_date;

-- Over the whole warehouse: accepted = current + superseded + held, per source, in rows and (order_items) in money.
create or replace view quality.ledger_balance as
with item_versions as (
    select
        items.order_item_id,
        items.order_id,
        cast(coalesce(items.line_total, items.quantity * items.unit_price) as decimal(38, 4)) as amount,
        row_number() over (
            partition by items.order_item_id order by items.version_at desc, items.row_hash desc
        ) as version_rank
    from history.order_items as items
),

known_orders as (
    select distinct order_id
    from history.orders
),

items as (
    select
        count(*) as accepted_rows,
        sum(amount) as accepted_amount,
        sum(case when version_rank > 1 then 1 else 0 end) as superseded_rows,
        sum(case when version_rank > 1 then amount else 0 end) as superseded_amount,
        sum(case when version_rank = 1 and known_orders.order_id is null then 1 else 0 end) as held_rows,
        sum(case when version_rank = 1 and known_orders.order_id is null then amount else 0 end) as held_amount
    from item_versions
    left join known_orders on item_versions.order_id = known_orders.order_id
),

loaded as (
    select
        count(*) as current_rows,
        sum(line_total) as current_amount
    from facts.fact_sales
),

events as (
    select
        count(*) as accepted_rows,
        count(*) - count(distinct event_id) as superseded_rows
    from history.web_events
),

loaded_events as (
    select count(*) as current_rows
    from facts.fact_web_events
)

select
    'order_items' as source,
    items.accepted_rows,
    loaded.current_rows,
    coalesce(items.superseded_rows, 0) as superseded_rows,
    coalesce(items.held_rows, 0) as held_rows,
    coalesce(items.accepted_amount, 0) as accepted_amount,
    coalesce(loaded.current_amount, 0) as current_amount,
    coalesce(items.superseded_amount, 0) as superseded_amount,
    coalesce(items.held_amount, 0) as held_amount
from items
cross join loaded
union all
select
    'orders' as source,
    count(*) as accepted_rows,
    count(distinct order_id) as current_rows,
    count(*) - count(distinct order_id) as superseded_rows,
    0 as held_rows,
    0 as accepted_amount,
    0 as current_amount,
    0 as superseded_amount,
    0 as held_amount
from history.orders
union all
select
    'web_events' as source,
    events.accepted_rows,
    loaded_events.current_rows,
    events.superseded_rows,
    0 as held_rows,
    0 as accepted_amount,
    0 as current_amount,
    0 as superseded_amount,
    0 as held_amount
from events
cross join loaded_events
union all
select
    'customers' as source,
    count(*) as accepted_rows,
    count(distinct customer_id || '|' || cast(version_at as varchar(32))) as current_rows,
    count(*) - count(distinct customer_id || '|' || cast(version_at as varchar(32))) as superseded_rows,
    0 as held_rows,
    0 as accepted_amount,
    0 as current_amount,
    0 as superseded_amount,
    0 as held_amount
from history.customers
union all
select
    'products' as source,
    count(*) as accepted_rows,
    count(distinct product_id || '|' || cast(version_at as varchar(32))) as current_rows,
    count(*) - count(distinct product_id || '|' || cast(version_at as varchar(32))) as superseded_rows,
    0 as held_rows,
    0 as accepted_amount,
    0 as current_amount,
    0 as superseded_amount,
    0 as held_amount
from history.products;
