-- From visits to orders
SELECT
    event_date,
    sessions,
    sessions_with_cart,
    orders,
    conversion_rate_percent
FROM analytics.sales_funnel
ORDER BY event_date;
