-- Sales by location
SELECT
    state,
    city,
    total_revenue,
    revenue_per_customer,
    revenue_rank
FROM analytics.geographic_sales
WHERE revenue_rank <= 10
ORDER BY revenue_rank;
