-- Updates the units per product and day, and queues the stock cover of that day and of the 27 days after it. A step of
-- facts/fact_sales/merge.sql.
{% from "macros/bounds.sql" import span, within %}
{% from "macros/time.sql" import readable_day %}
create temp table unit_change distkey (product_id) as
select
    product_id,
    order_date,
    sum(units) as units
from (
    select
        product_id,
        order_date,
        cast(quantity as bigint) as units
    from new_sale
    where is_revenue
    union all
    select
        product_id,
        order_date,
        -cast(quantity as bigint) as units
    from old_sale
    where is_revenue
) as changes
group by product_id, order_date
having sum(units) <> 0;

-- bounds: days whose units change
select
    {{ span("order_date", "unit_day") }},
    count(*) as unit_changes
from unit_change;

create temp table new_product_day distkey (product_id) as
select
    unit_change.product_id,
    unit_change.order_date,
    unit_change.units + coalesce(days.units, 0) as units
from unit_change
left join facts.agg_product_day as days
    on
        unit_change.product_id = days.product_id
        and unit_change.order_date = days.order_date
        and {{ within("days.order_date", "unit_day") }};

-- if: unit_changes
delete from facts.agg_product_day
using unit_change
where
    agg_product_day.product_id = unit_change.product_id
    and agg_product_day.order_date = unit_change.order_date
    and {{ within("agg_product_day.order_date", "unit_day") }};

-- if: unit_changes
insert into facts.agg_product_day (product_id, order_date, units)
select
    product_id,
    order_date,
    units
from new_product_day
where units <> 0;

-- if: unit_changes
insert into history.pending_inventory (product_id, first_date, last_date)
select
    product_id,
    order_date as first_date,
    {{ readable_day("dateadd(day, 27, order_date)") }} as last_date
from unit_change;
