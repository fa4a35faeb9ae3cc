-- What the end of `make run` tells of the warehouse: one query per section; a section begins with its name in a comment.

-- section: came
select
    source,
    sum(raw_rows) as raw_rows,
    sum(superseded_rows) as superseded_rows,
    sum(quarantined_rows) as quarantined_rows,
    sum(raw_rows - accepted_rows - superseded_rows - quarantined_rows) as lost_rows
from quality.ledger
where delivery_date between '{first}' and '{last}'
group by source
order by source;

-- section: held
select held_rows
from quality.ledger_balance
where source = 'order_items';

-- section: sales
select
    sum(total_orders) as orders,
    sum(total_revenue) as revenue
from analytics.monthly_sales_trends;

-- section: customers
select count(*) as customers
from analytics.customer_360
where total_orders > 0;

-- section: categories
select
    category_name,
    total_revenue
from analytics.category_performance
order by revenue_rank, category_name
limit 1;

-- section: products
select product_name
from analytics.product_performance
order by overall_revenue_rank, product_id
limit 1;

-- section: places
select
    city,
    state
from analytics.geographic_sales
order by revenue_rank, state, city
limit 1;

-- section: funnel
select
    sum(sessions) as sessions,
    sum(sessions_with_purchase) as purchases
from analytics.sales_funnel;
