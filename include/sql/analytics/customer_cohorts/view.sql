-- Monthly retention: how many customers whose first order fell into cohort_month ordered again n months later.
{% from "macros/quotient.sql" import quotient %}
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
    {{ quotient("100 * activity.active_customers", "sizes.cohort_size") }} as retention_percent,
    activity.revenue
from activity
inner join sizes on activity.cohort_month = sizes.cohort_month;
