-- Replaces the run's slices of history by what COPY put into staging, and queues every key that the change touches:
-- keys of the old slice and of the new one. All sources at once: history never holds half a day.
lock table history.pending_key;

-- guard: what was copied is not what processing counted; clear the load_staging tasks to copy again
with copied as (
    {% for source in load.sources %}
        select
            '{{ source.name }}' as source,
            delivery_date,
            count(*) as copied_rows
        from staging.stg_{{ source.name }}
        where run_id = '{{ load.run_key }}'
        group by delivery_date
        {% if not loop.last %}
            union all
        {% endif %}
    {% endfor %}
),

counted as (
    select
        source,
        delivery_date,
        accepted_rows
    from staging.stg_ledger
    where run_id = '{{ load.run_key }}'
)

select
    coalesce(counted.source, copied.source) as source,
    coalesce(counted.delivery_date, copied.delivery_date) as delivery_date,
    counted.accepted_rows,
    copied.copied_rows
from counted
full outer join copied
    on counted.source = copied.source and counted.delivery_date = copied.delivery_date
where coalesce(counted.accepted_rows, -1) <> coalesce(copied.copied_rows, 0);

-- guard: the ledger of this run does not cover exactly its days; clear process_data to count again
select
    count(*) as ledger_rows,
    {{ load.sources | length }}
    * (datediff(day, cast('{{ load.start_date }}' as date), cast('{{ load.end_date }}' as date)) + 1)
        as expected_rows,
    min(delivery_date) as first_day,
    max(delivery_date) as last_day
from staging.stg_ledger
where run_id = '{{ load.run_key }}'
having
    count(*)
    <> {{ load.sources | length }}
    * (datediff(day, cast('{{ load.start_date }}' as date), cast('{{ load.end_date }}' as date)) + 1)
    or count(distinct source || cast(delivery_date as varchar(10))) <> count(*)
    or min(delivery_date) < cast('{{ load.start_date }}' as date)
    or max(delivery_date) > cast('{{ load.end_date }}' as date);

-- The rows of the run's days before and after: a key is touched when either side has it.
create temp table touched_order as
select
    order_id,
    customer_id
from history.orders
where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
union
select
    order_id,
    customer_id
from staging.stg_orders
where run_id = '{{ load.run_key }}';

create temp table touched_item as
select
    order_item_id,
    order_id,
    product_id
from history.order_items
where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
union
select
    order_item_id,
    order_id,
    product_id
from staging.stg_order_items
where run_id = '{{ load.run_key }}';

create temp table touched_event as
select
    event_id,
    customer_id,
    product_id
from history.web_events
where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
union
select
    event_id,
    customer_id,
    product_id
from staging.stg_web_events
where run_id = '{{ load.run_key }}';

create temp table old_customer as
select distinct
    customer_id,
    version_at,
    row_hash
from history.customers
where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}';

create temp table old_product as
select distinct
    product_id,
    version_at,
    row_hash
from history.products
where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}';

-- A customer or product that only a fact names becomes an inferred member, and ceases to be one when nothing names it.
insert into history.pending_key (entity, key_value)
select
    'customer' as entity,
    named.customer_id as key_value
from (
    select customer_id from touched_order
    union
    select customer_id from touched_event
) as named
left join dimensions.dim_customer
    on named.customer_id = dim_customer.customer_id and dim_customer.is_current
where
    named.customer_id is not null
    and (dim_customer.customer_key is null or dim_customer.is_inferred);

insert into history.pending_key (entity, key_value)
select
    'product' as entity,
    named.product_id as key_value
from (
    select product_id from touched_item
    union
    select product_id from touched_event
) as named
left join dimensions.dim_product
    on named.product_id = dim_product.product_id and dim_product.is_current
where
    named.product_id is not null
    and (dim_product.product_key is null or dim_product.is_inferred);

-- An item that ever stood in another order touches that order as well.
insert into history.pending_key (entity, key_value)
with touched as (select distinct order_item_id from touched_item)

select
    'sales_order' as entity,
    order_id as key_value
from touched_order
union
select
    'sales_order' as entity,
    order_id as key_value
from touched_item
union
select
    'sales_order' as entity,
    items.order_id as key_value
from history.order_items as items
inner join touched
    on items.order_item_id = touched.order_item_id;

insert into history.pending_key (entity, key_value)
select distinct
    'web_event' as entity,
    event_id as key_value
from touched_event;

insert into history.pending_inventory (product_id, first_date, last_date)
select
    product_id,
    min(delivery_date) as first_date,
    max(delivery_date) as last_date
from (
    select
        product_id,
        delivery_date
    from history.products
    where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
    union
    select
        product_id,
        delivery_date
    from staging.stg_products
    where run_id = '{{ load.run_key }}'
) as stocked
group by product_id;

-- Sources that feed a merge of their own: the keys of the old slice and of the new one.
{% for source in load.sources if source.merge_entity %}
    insert into history.pending_key (entity, key_value)
    select
        '{{ source.merge_entity }}' as entity,
        {{ source.key }} as key_value
    from history.{{ source.name }}
    where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
    union
    select
        '{{ source.merge_entity }}' as entity,
        {{ source.key }} as key_value
    from staging.stg_{{ source.name }}
    where run_id = '{{ load.run_key }}';
{% endfor %}

{% for source in load.sources %}
    delete from history.{{ source.name }}
    where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}';

    insert into history.{{ source.name }} ({{ source.columns | join(', ') }})
    select {{ source.columns | join(', ') }}
    from staging.stg_{{ source.name }}
    where run_id = '{{ load.run_key }}';
{% endfor %}

-- Of a full snapshot, most rows repeat what the dimension says of their instant already, and change no version.
-- Left over are versions that are new, differ, or vanished from the slice.
insert into history.pending_key (entity, key_value)
select
    'customer' as entity,
    customers.customer_id as key_value
from history.customers as customers
left join dimensions.dim_customer as versions
    on
        customers.customer_id = versions.customer_id
        and customers.version_at >= versions.effective_from
        and customers.version_at < versions.effective_to
where
    customers.delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
    and (versions.customer_key is null or versions.attribute_hash <> customers.row_hash)
union
select
    'customer' as entity,
    old_customer.customer_id as key_value
from old_customer
left join history.customers as customers
    on
        old_customer.customer_id = customers.customer_id
        and old_customer.version_at = customers.version_at
        and old_customer.row_hash = customers.row_hash
        and customers.delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
where customers.customer_id is null;

insert into history.pending_key (entity, key_value)
select
    'product' as entity,
    products.product_id as key_value
from history.product_version as products
left join dimensions.dim_product as versions
    on
        products.product_id = versions.product_id
        and products.version_at >= versions.effective_from
        and products.version_at < versions.effective_to
where
    products.delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
    and (versions.product_key is null or versions.attribute_hash <> products.attribute_hash)
union
select
    'product' as entity,
    old_product.product_id as key_value
from old_product
left join history.products as products
    on
        old_product.product_id = products.product_id
        and old_product.version_at = products.version_at
        and old_product.row_hash = products.row_hash
        and products.delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}'
where products.product_id is null;

delete from quality.ledger
where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}';

insert into quality.ledger (
    source,
    delivery_date,
    run_id,
    files,
    raw_rows,
    accepted_rows,
    superseded_rows,
    quarantined_rows,
    raw_amount,
    accepted_amount, superseded_amount, quarantined_amount
)
select
    source,
    delivery_date,
    run_id,
    files,
    raw_rows,
    accepted_rows,
    superseded_rows,
    quarantined_rows,
    raw_amount,
    accepted_amount,
    superseded_amount,
    quarantined_amount
from staging.stg_ledger
where run_id = '{{ load.run_key }}';

delete from quality.check_results
where delivery_date between '{{ load.start_date }}' and '{{ load.end_date }}';

insert into quality.check_results (
    run_id,
    delivery_date,
    source,
    rule,
    dimension,
    severity,
    rows_checked,
    rows_failed,
    failed_ratio,
    threshold,
    passed, message
)
select
    run_id,
    delivery_date,
    source,
    rule,
    dimension,
    severity,
    rows_checked,
    rows_failed,
    failed_ratio,
    threshold,
    passed,
    message
from staging.stg_check_result
where run_id = '{{ load.run_key }}';

delete from quality.load_runs
where run_id = '{{ load.run_key }}';

insert into quality.load_runs (run_id, start_date, end_date, loaded_at)
select
    '{{ load.run_key }}' as run_id,
    cast('{{ load.start_date }}' as date) as start_date,
    cast('{{ load.end_date }}' as date) as end_date,
    getdate() as loaded_at;

update quality.warehouse_state set merge_seq = merge_seq + 1;
