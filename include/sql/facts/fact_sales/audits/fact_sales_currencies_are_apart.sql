-- audit: no touched line in another currency than the reporting one counts as revenue
-- severity: fail
-- reads: facts/fact_sales/audited.sql
select
    order_item_id,
    order_id,
    currency,
    is_unconverted,
    is_revenue
from audited_sale
where
    is_unconverted is null
    or (is_unconverted and is_revenue)
    {% if load.reporting_currency %}
        or is_unconverted
        <> (upper(coalesce(currency, '{{ load.reporting_currency }}')) <> '{{ load.reporting_currency }}')
    {% endif %}
