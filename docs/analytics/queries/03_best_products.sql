-- Best performing products
SELECT
    product_name,
    category_name,
    total_revenue,
    gross_margin_percent,
    revenue_rank_in_category
FROM analytics.product_performance
WHERE revenue_rank_in_category <= 5
ORDER BY category_name, revenue_rank_in_category;
