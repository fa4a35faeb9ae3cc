-- Queues every key of the aggregates: the next analytics/refresh.sql empties them and counts all
-- again, in one transaction.
-- Readers see the published day until then.
{% from "macros/bounds.sql" import all_days %}
{% from "macros/built_by.sql" import note_code, out_of_date %}
{% from "macros/queue.sql" import dequeue %}
lock table history.pending_key;

-- guard: dimensions or facts hold rows of an earlier version of their SQL, and analytics follow from them; run rebuild_warehouse.sql
select
    table_name,
    file_name as changed_file,
    what
from (
    {{ out_of_date() }}
) as out_of_date
where table_name like 'dimensions.%' or table_name like 'facts.%';

delete from quality.built_by
where table_name like 'analytics.%' or table_name like 'history.%';

{{ note_code() }}
where code.table_name like 'analytics.%' or code.table_name like 'history.%';

{{ dequeue("agg_all", "agg_order", "agg_customer", "agg_product") }};
delete from history.published_line;
delete from history.pending_event_day;

insert into history.pending_key (entity, key_value)
select
    'agg_all' as entity,
    '*' as key_value
union all
select distinct
    'agg_order' as entity,
    order_id as key_value
from facts.fact_sales
union all
select
    'agg_customer' as entity,
    customer_id as key_value
from dimensions.dim_customer
where is_current and customer_key <> -1
union all
select
    'agg_product' as entity,
    product_id as key_value
from dimensions.dim_product
where is_current and product_key <> -1;

insert into history.pending_range (table_name, first_date, last_date)
{% for table in ("fact_sales", "orders", "order_items") %}
    select
        '{{ table }}' as table_name,
        {{ all_days() }}{{ ";" if loop.last }}
    {{ "union all" if not loop.last }}
{% endfor %}

insert into history.pending_event_day (event_date)
select distinct event_date
from facts.fact_web_events;
