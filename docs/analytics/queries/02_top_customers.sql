-- Top customers by lifetime value
SELECT
    full_name,
    customer_segment,
    lifetime_value,
    total_orders,
    customer_status
FROM analytics.customer_360
ORDER BY lifetime_value DESC
LIMIT 20;
