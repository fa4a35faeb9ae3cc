-- What catalogues and BI tools show of analytics. The definitions themselves are in docs/metrics.md.

comment on view analytics.customer_360
is 'One row per customer. Definitions: docs/metrics.md';

comment on column analytics.customer_360.total_orders
is 'distinct orders with a revenue line (docs/metrics.md)';

comment on column analytics.customer_360.lifetime_value
is 'sum of line_total over revenue lines (docs/metrics.md)';

comment on column analytics.customer_360.average_order_value
is 'lifetime_value / total_orders (docs/metrics.md)';

comment on column analytics.customer_360.customer_status
is 'days from the last order to the published day: 30 active, 90 at_risk, beyond churned (docs/metrics.md)';

comment on column analytics.customer_360.rfm_score
is 'fifths of recency, frequency, monetary among buyers; 555 is best (docs/metrics.md)';

comment on view analytics.product_performance
is 'One row per product. Definitions: docs/metrics.md';

comment on column analytics.product_performance.units_sold
is 'sum of quantity over revenue lines; returns subtract (docs/metrics.md)';

comment on column analytics.product_performance.total_revenue
is 'sum of line_total over revenue lines (docs/metrics.md)';

comment on column analytics.product_performance.gross_profit
is 'sum of line_total - quantity * cost over revenue lines of known cost (docs/metrics.md)';

comment on column analytics.product_performance.gross_margin_percent
is '100 * gross_profit / line_total of the same lines (docs/metrics.md)';

comment on column analytics.product_performance.return_rate_percent
is '100 * units returned / units sold before returns (docs/metrics.md)';

comment on column analytics.product_performance.revenue_rank_in_category
is 'by total_revenue, descending; equals share a rank (docs/metrics.md)';

comment on view analytics.monthly_sales_trends
is 'One row per calendar month, from the first with sales to the last. Definitions: docs/metrics.md';

comment on column analytics.monthly_sales_trends.total_revenue
is 'sum of line_total over revenue lines (docs/metrics.md)';

comment on column analytics.monthly_sales_trends.revenue_growth_percent
is 'against the previous calendar month; null when that has no revenue (docs/metrics.md)';

comment on view analytics.geographic_sales
is 'One row per place with a revenue line. Definitions: docs/metrics.md';

comment on column analytics.geographic_sales.total_customers
is 'distinct known customers (docs/metrics.md)';

comment on column analytics.geographic_sales.revenue_per_customer
is 'total_revenue / total_customers; null where only guests bought (docs/metrics.md)';

comment on column analytics.geographic_sales.revenue_share_percent
is '100 * total_revenue / that of all places (docs/metrics.md)';

comment on view analytics.category_performance
is 'One row per current category. Definitions: docs/metrics.md';

comment on column analytics.category_performance.revenue_share_percent
is '100 * total_revenue / that of all categories (docs/metrics.md)';

comment on view analytics.customer_cohorts
is 'One row per cohort and month with orders. Definitions: docs/metrics.md';

comment on column analytics.customer_cohorts.cohort_month
is 'month of the first order with a revenue line (docs/metrics.md)';

comment on column analytics.customer_cohorts.retention_percent
is '100 * active_customers / cohort_size (docs/metrics.md)';

comment on view analytics.sales_funnel
is 'One row per day with web events. Definitions: docs/metrics.md';

comment on column analytics.sales_funnel.conversion_rate_percent
is '100 * sessions with a purchase / sessions (docs/metrics.md)';

comment on column analytics.sales_funnel.orders
is 'orders of the day with a revenue line (docs/metrics.md)';
