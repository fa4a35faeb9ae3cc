-- generated from docs/metrics.md; run make generate
-- noqa: disable=LT05

comment on view analytics.customer_360
is 'One row per customer. Definitions: docs/metrics.md';

comment on column analytics.customer_360.customer_id
is 'natural key of the customer (docs/metrics.md)';

comment on column analytics.customer_360.full_name
is 'first and last name, what there is of them; contact data is not shown (docs/metrics.md)';

comment on column analytics.customer_360.customer_segment
is 'as in the customer''s current version (docs/metrics.md)';

comment on column analytics.customer_360.city
is 'as in the customer''s current version (docs/metrics.md)';

comment on column analytics.customer_360.state
is 'as in the customer''s current version (docs/metrics.md)';

comment on column analytics.customer_360.country
is 'as in the customer''s current version (docs/metrics.md)';

comment on column analytics.customer_360.registration_date
is 'as in the customer''s current version (docs/metrics.md)';

comment on column analytics.customer_360.first_order_date
is 'first day of an order with a revenue line (docs/metrics.md)';

comment on column analytics.customer_360.last_order_date
is 'last day of an order with a revenue line (docs/metrics.md)';

comment on column analytics.customer_360.total_orders
is 'distinct orders with a revenue line (docs/metrics.md)';

comment on column analytics.customer_360.frequency
is 'distinct orders with a revenue line (docs/metrics.md)';

comment on column analytics.customer_360.lifetime_value
is 'Σ line_total over revenue lines (docs/metrics.md)';

comment on column analytics.customer_360.monetary
is 'Σ line_total over revenue lines (docs/metrics.md)';

comment on column analytics.customer_360.average_order_value
is 'lifetime_value / total_orders (docs/metrics.md)';

comment on column analytics.customer_360.unique_products
is 'distinct products on revenue lines (docs/metrics.md)';

comment on column analytics.customer_360.recency_days
is 'published day − last_order_date (docs/metrics.md)';

comment on column analytics.customer_360.recency_score
is 'fifths of all customers with an order, 5 best; equals are told apart by customer_id (docs/metrics.md)';

comment on column analytics.customer_360.frequency_score
is 'fifths of all customers with an order, 5 best; equals are told apart by customer_id (docs/metrics.md)';

comment on column analytics.customer_360.monetary_score
is 'fifths of all customers with an order, 5 best; equals are told apart by customer_id (docs/metrics.md)';

comment on column analytics.customer_360.rfm_score
is 'the three scores side by side, 555 best (docs/metrics.md)';

comment on column analytics.customer_360.customer_status
is 'by recency_days: active ≤ 30, at_risk ≤ 90, churned beyond; never_ordered (docs/metrics.md)';

comment on view analytics.product_performance
is 'One row per product. Definitions: docs/metrics.md';

comment on column analytics.product_performance.product_id
is 'natural key of the product (docs/metrics.md)';

comment on column analytics.product_performance.product_name
is 'as in the product''s current version (docs/metrics.md)';

comment on column analytics.product_performance.category_name
is 'as in the product''s current version (docs/metrics.md)';

comment on column analytics.product_performance.brand
is 'as in the product''s current version (docs/metrics.md)';

comment on column analytics.product_performance.current_price
is 'as in the product''s current version (docs/metrics.md)';

comment on column analytics.product_performance.current_cost
is 'as in the product''s current version (docs/metrics.md)';

comment on column analytics.product_performance.units_sold
is 'Σ quantity over revenue lines (returns subtract) (docs/metrics.md)';

comment on column analytics.product_performance.total_revenue
is 'Σ line_total over revenue lines (docs/metrics.md)';

comment on column analytics.product_performance.gross_profit
is 'Σ (line_total − quantity × cost) over revenue lines of known cost; null when there is none (docs/metrics.md)';

comment on column analytics.product_performance.gross_margin_percent
is '100 × gross_profit / Σ line_total over the same lines (docs/metrics.md)';

comment on column analytics.product_performance.orders
is 'distinct orders with a revenue line of the product (docs/metrics.md)';

comment on column analytics.product_performance.customers
is 'distinct known customers with a revenue line of the product (docs/metrics.md)';

comment on column analytics.product_performance.return_rate_percent
is '100 × units returned / units sold before returns, over revenue lines (docs/metrics.md)';

comment on column analytics.product_performance.revenue_rank_in_category
is 'by total_revenue among the products of the category, descending; products without category rank among themselves (docs/metrics.md)';

comment on column analytics.product_performance.overall_revenue_rank
is 'by total_revenue among all products, descending (docs/metrics.md)';

comment on view analytics.monthly_sales_trends
is 'One row per calendar month of the order date. Definitions: docs/metrics.md';

comment on column analytics.monthly_sales_trends.year_number
is 'calendar month of the order date (docs/metrics.md)';

comment on column analytics.monthly_sales_trends.month_number
is 'calendar month of the order date (docs/metrics.md)';

comment on column analytics.monthly_sales_trends.month_name
is 'calendar month of the order date (docs/metrics.md)';

comment on column analytics.monthly_sales_trends.quarter_number
is 'calendar month of the order date (docs/metrics.md)';

comment on column analytics.monthly_sales_trends.total_orders
is 'distinct orders with a revenue line (docs/metrics.md)';

comment on column analytics.monthly_sales_trends.unique_customers
is 'distinct known customers with a revenue line (docs/metrics.md)';

comment on column analytics.monthly_sales_trends.units_sold
is 'Σ quantity over revenue lines (returns subtract) (docs/metrics.md)';

comment on column analytics.monthly_sales_trends.total_revenue
is 'Σ line_total over revenue lines (docs/metrics.md)';

comment on column analytics.monthly_sales_trends.average_order_value
is 'total_revenue / total_orders (docs/metrics.md)';

comment on column analytics.monthly_sales_trends.revenue_growth_percent
is '100 × (month − previous month) / previous month; null when the previous month has none (docs/metrics.md)';

comment on column analytics.monthly_sales_trends.customer_growth_percent
is '100 × (unique_customers − those of the previous month) / previous month; null when the previous month has none (docs/metrics.md)';

comment on view analytics.geographic_sales
is 'One row per place with a revenue line. Definitions: docs/metrics.md';

comment on column analytics.geographic_sales.country
is 'the place that the order was shipped to, else the customer''s as of the order date; a missing part is unknown (docs/metrics.md)';

comment on column analytics.geographic_sales.state
is 'the place that the order was shipped to, else the customer''s as of the order date; a missing part is unknown (docs/metrics.md)';

comment on column analytics.geographic_sales.city
is 'the place that the order was shipped to, else the customer''s as of the order date; a missing part is unknown (docs/metrics.md)';

comment on column analytics.geographic_sales.total_customers
is 'distinct known customers with a revenue line; who moved counts in each place (docs/metrics.md)';

comment on column analytics.geographic_sales.total_orders
is 'distinct orders with a revenue line (docs/metrics.md)';

comment on column analytics.geographic_sales.total_revenue
is 'Σ line_total over revenue lines (docs/metrics.md)';

comment on column analytics.geographic_sales.revenue_per_customer
is 'total_revenue / total_customers; null where only guests bought (docs/metrics.md)';

comment on column analytics.geographic_sales.revenue_share_percent
is '100 × total_revenue / that of all places (docs/metrics.md)';

comment on column analytics.geographic_sales.revenue_rank
is 'by total_revenue, descending (docs/metrics.md)';

comment on view analytics.category_performance
is 'One row per current category. Definitions: docs/metrics.md';

comment on column analytics.category_performance.category_name
is 'category of the products'' current versions; unknown where there is none (docs/metrics.md)';

comment on column analytics.category_performance.products
is 'products whose current category it is, with sales or without (docs/metrics.md)';

comment on column analytics.category_performance.units_sold
is 'Σ of the products'' (docs/metrics.md)';

comment on column analytics.category_performance.total_revenue
is 'Σ of the products'' (docs/metrics.md)';

comment on column analytics.category_performance.gross_profit
is 'Σ of the products'' that have one; null when none has (docs/metrics.md)';

comment on column analytics.category_performance.gross_margin_percent
is '100 × gross_profit / Σ line_total over the same lines (docs/metrics.md)';

comment on column analytics.category_performance.return_rate_percent
is '100 × units returned / units sold before returns, over revenue lines (docs/metrics.md)';

comment on column analytics.category_performance.revenue_share_percent
is '100 × total_revenue / that of all categories (docs/metrics.md)';

comment on column analytics.category_performance.revenue_rank
is 'by total_revenue, descending (docs/metrics.md)';

comment on view analytics.customer_cohorts
is 'One row per cohort and month with orders. Definitions: docs/metrics.md';

comment on column analytics.customer_cohorts.cohort_month
is 'month of a known customer''s first order with a revenue line (docs/metrics.md)';

comment on column analytics.customer_cohorts.months_since_first
is 'calendar months after cohort_month; 0 for that month itself (docs/metrics.md)';

comment on column analytics.customer_cohorts.cohort_size
is 'known customers whose first order fell into cohort_month (docs/metrics.md)';

comment on column analytics.customer_cohorts.active_customers
is 'customers of the cohort with an order in the month (docs/metrics.md)';

comment on column analytics.customer_cohorts.retention_percent
is '100 × active_customers / cohort_size (docs/metrics.md)';

comment on column analytics.customer_cohorts.revenue
is 'Σ line_total of their revenue lines in the month (docs/metrics.md)';

comment on view analytics.sales_funnel
is 'One row per day with web events. Definitions: docs/metrics.md';

comment on column analytics.sales_funnel.event_date
is 'day of the events (docs/metrics.md)';

comment on column analytics.sales_funnel.sessions
is 'distinct sessions with an event of the day (docs/metrics.md)';

comment on column analytics.sales_funnel.sessions_with_view
is 'those with a page_view, product_view or view (docs/metrics.md)';

comment on column analytics.sales_funnel.sessions_with_cart
is 'those with an add_to_cart (docs/metrics.md)';

comment on column analytics.sales_funnel.sessions_with_checkout
is 'those with a checkout or begin_checkout (docs/metrics.md)';

comment on column analytics.sales_funnel.sessions_with_purchase
is 'those with a purchase (docs/metrics.md)';

comment on column analytics.sales_funnel.orders
is 'orders of the day with a revenue line, from the web or not (docs/metrics.md)';

comment on column analytics.sales_funnel.revenue
is 'Σ line_total over the day''s revenue lines (docs/metrics.md)';

comment on column analytics.sales_funnel.cart_rate_percent
is '100 × sessions_with_cart / sessions (docs/metrics.md)';

comment on column analytics.sales_funnel.conversion_rate_percent
is '100 × sessions_with_purchase / sessions (docs/metrics.md)';
