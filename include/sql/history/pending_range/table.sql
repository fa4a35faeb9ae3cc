{% from "macros/bounds.sql" import all_days %}
-- The bounds of what was merged and not published: where the lines of queued orders (agg_order) lie.
create table if not exists history.pending_range (
    table_name varchar(64) not null,
    first_date date not null,
    last_date date not null
)
diststyle even;

-- A queue that an earlier release filled has no bounds.
insert into history.pending_range (table_name, first_date, last_date)

{% for table in ("fact_sales", "orders", "order_items") %}
    select
        '{{ table }}' as table_name,
        {{ all_days() }}
    where
        not exists (select 1 from history.pending_range)
        and exists (select 1 from history.pending_key){{ ";" if loop.last }}
    {{ "union all" if not loop.last }}
{% endfor %}
