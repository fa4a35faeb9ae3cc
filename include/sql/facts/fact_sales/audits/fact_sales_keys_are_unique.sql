-- audit: order_item_id is unique in fact_sales (touched orders); Redshift does not enforce the key, the planner trusts it
-- severity: fail
-- reads: facts/fact_sales/audited.sql
{% from "macros/distrust.sql" import undeclared_text %}
select
    {{ undeclared_text("order_item_id") }} as order_item_id,
    count(*) as copies
from audited_sale
group by {{ undeclared_text("order_item_id") }}
having count(*) > 1
