-- What each customer segment is worth
SELECT
    customer_segment,
    COUNT(*) AS customers,
    SUM(total_orders) AS orders,
    SUM(lifetime_value) AS revenue
FROM analytics.customer_360
GROUP BY customer_segment
ORDER BY revenue DESC;
