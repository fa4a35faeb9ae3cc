-- Weekdays: facts joined with the calendar
SELECT
    dates.day_name,
    COUNT(DISTINCT sales.order_id) AS orders,
    SUM(sales.line_total) AS revenue
FROM facts.fact_sales AS sales
INNER JOIN dimensions.dim_date AS dates ON sales.order_date = dates.full_date
WHERE sales.is_revenue
GROUP BY dates.day_name, dates.day_of_week
ORDER BY dates.day_of_week;
