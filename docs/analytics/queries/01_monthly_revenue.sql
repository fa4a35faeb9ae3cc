-- Monthly revenue trend
SELECT
    month_name,
    total_revenue,
    revenue_growth_percent
FROM analytics.monthly_sales_trends
ORDER BY year_number, month_number;
