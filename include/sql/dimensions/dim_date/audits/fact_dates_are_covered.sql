-- audit: dim_date holds the day of every touched line; joins with it lose the others
-- severity: warn
-- reads: facts/fact_sales/audited.sql
select
    sales.order_item_id,
    sales.order_id,
    sales.order_date
from audited_sale as sales
left join dimensions.dim_date as dates on sales.order_date_key = dates.date_key
where dates.date_key is null
