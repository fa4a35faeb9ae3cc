-- audit: touched orders are in one currency; with reporting_currency, all others are outside of revenue: their days
-- severity: warn
-- reads: facts/fact_sales/audited.sql
{% if load.reporting_currency %}
    select
        upper(currency) as currency,
        order_date,
        count(distinct order_id) as orders,
        sum(line_total) as unconverted_amount
    from audited_sale
    where is_unconverted
    group by upper(currency), order_date
{% else %}
    select
        coalesce(upper(currency), 'none') as currency,
        min(order_date) as first_day,
        count(distinct order_id) as orders,
        sum(line_total) as added_amount
    from audited_sale
    where
        is_revenue
        and (
            select count(distinct upper(others.currency))
            from audited_sale as others
            where others.is_revenue
        ) > 1
    group by coalesce(upper(currency), 'none')
{% endif %}
