-- Categories against each other
SELECT
    category_name,
    units_sold,
    total_revenue,
    gross_margin_percent
FROM analytics.category_performance
ORDER BY total_revenue DESC
LIMIT 10;
