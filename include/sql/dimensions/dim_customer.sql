-- Rebuilds the pending customers of dim_customer (SCD type 2) from history.
-- Grain: one version of a customer. Key: customer_key = hash(customer_id, effective_from).
lock table history.pending_key;

create temp table touched_customer distkey (customer_id) as
select distinct key_value as customer_id
from history.pending_key
where entity = 'customer';

-- The keys that facts may hold, to find those that the rebuild moves. A fact that came before its customer holds the
-- key that every first version has.
create temp table old_version distkey (customer_id) as
select
    touched_customer.customer_id,
    coalesce(
        versions.customer_key,
        strtol(left(md5(touched_customer.customer_id || '|1900-01-01 00:00:00.000000'), 15), 16)
    ) as customer_key,
    versions.country,
    versions.state,
    versions.city
from touched_customer
left join dimensions.dim_customer as versions
    on touched_customer.customer_id = versions.customer_id and versions.customer_key <> -1;

-- Of two deliveries of one version (same customer, same instant) the greater content hash stands. Instants outside
-- 1900 … 9999 count as the nearest one inside: a file's nonsense must not break the intervals.
create temp table delivered distkey (customer_id) as
select
    numbered.customer_id,
    numbered.first_name,
    numbered.last_name,
    numbered.email,
    numbered.phone,
    numbered.date_of_birth,
    numbered.gender,
    numbered.address,
    numbered.city,
    numbered.state,
    numbered.postal_code,
    numbered.country,
    numbered.customer_segment,
    numbered.registration_date,
    numbered.valid_from,
    numbered.row_hash as attribute_hash
from (
    select
        bounded.*,
        row_number() over (
            partition by bounded.customer_id, bounded.valid_from
            order by bounded.version_at desc, bounded.row_hash desc
        ) as delivery_rank
    from (
        select
            customers.*,
            least(
                greatest(customers.version_at, cast('1900-01-01' as timestamp)), cast('9999-12-30' as timestamp)
            ) as valid_from
        from history.customers as customers
        inner join touched_customer on customers.customer_id = touched_customer.customer_id
    ) as bounded
) as numbered
where numbered.delivery_rank = 1;

delete from dimensions.dim_customer
using touched_customer
where dim_customer.customer_id = touched_customer.customer_id and dim_customer.customer_key <> -1;

-- A version equal to the one before it is no version; the first one reaches back so that earlier facts find it.
insert into dimensions.dim_customer (
    customer_key,
    customer_id,
    first_name,
    last_name,
    full_name,
    email,
    email_domain,
    phone,
    date_of_birth,
    gender,
    address,
    city,
    state,
    postal_code,
    country,
    customer_segment,
    registration_date,
    effective_from,
    effective_to,
    is_current, is_inferred, attribute_hash
)
with compared as (
    select
        delivered.*,
        lag(attribute_hash) over (partition by customer_id order by valid_from) as previous_hash
    from delivered
),

versions as (
    select
        compared.*,
        case
            when row_number() over (partition by customer_id order by valid_from) = 1
                then cast('1900-01-01' as timestamp)
            else valid_from
        end as effective_from,
        coalesce(
            lead(valid_from) over (partition by customer_id order by valid_from),
            cast('9999-12-31' as timestamp)
        ) as effective_to,
        lead(valid_from) over (partition by customer_id order by valid_from) is null as is_current
    from compared
    where previous_hash is null or previous_hash <> attribute_hash
)

select
    strtol(
        left(md5(customer_id || '|' || to_char(effective_from, 'YYYY-MM-DD HH24:MI:SS.US')), 15), 16
    ) as customer_key,
    customer_id,
    first_name,
    last_name,
    nullif(trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), '') as full_name,
    email,
    case when position('@' in email) > 0 then lower(split_part(email, '@', 2)) end as email_domain,
    phone,
    date_of_birth,
    gender,
    address,
    city,
    state,
    postal_code,
    country,
    customer_segment,
    registration_date,
    effective_from,
    effective_to,
    is_current,
    false as is_inferred,
    attribute_hash
from versions;

-- Inferred members: customers that an order or event names and no customer file has delivered yet.
insert into dimensions.dim_customer (
    customer_key, customer_id, effective_from, effective_to, is_current, is_inferred, attribute_hash
)
with missing as (
    select touched_customer.customer_id
    from touched_customer
    left join delivered on touched_customer.customer_id = delivered.customer_id
    where delivered.customer_id is null
),

named as (
    select orders.customer_id
    from history.orders as orders
    inner join missing on orders.customer_id = missing.customer_id
    union
    select events.customer_id
    from history.web_events as events
    inner join missing on events.customer_id = missing.customer_id
)

select
    strtol(left(md5(customer_id || '|1900-01-01 00:00:00.000000'), 15), 16) as customer_key,
    customer_id,
    cast('1900-01-01' as timestamp) as effective_from,
    cast('9999-12-31' as timestamp) as effective_to,
    true as is_current,
    true as is_inferred,
    '' as attribute_hash
from named;

-- Facts that now belong to another version, or whose place comes from a version that changed.
insert into history.pending_key (entity, key_value)
select distinct
    'sales_order' as entity,
    sales.order_id as key_value
from old_version
inner join facts.fact_sales as sales on old_version.customer_key = sales.customer_key
left join dimensions.dim_customer as versions
    on
        old_version.customer_id = versions.customer_id
        and versions.customer_key <> -1
        and sales.order_timestamp >= versions.effective_from
        and sales.order_timestamp < versions.effective_to
where
    versions.customer_key is null
    or versions.customer_key <> old_version.customer_key
    or coalesce(versions.country, '') <> coalesce(old_version.country, '')
    or coalesce(versions.state, '') <> coalesce(old_version.state, '')
    or coalesce(versions.city, '') <> coalesce(old_version.city, '');

insert into history.pending_key (entity, key_value)
select distinct
    'web_event' as entity,
    events.event_id as key_value
from old_version
inner join facts.fact_web_events as events on old_version.customer_key = events.customer_key
left join dimensions.dim_customer as versions
    on
        old_version.customer_id = versions.customer_id
        and versions.customer_key <> -1
        and events.event_timestamp >= versions.effective_from
        and events.event_timestamp < versions.effective_to
where versions.customer_key is null or versions.customer_key <> old_version.customer_key;

insert into history.pending_key (entity, key_value)
select
    'agg_customer' as entity,
    customer_id as key_value
from touched_customer;

delete from history.pending_key
where entity = 'customer';

update quality.warehouse_state set merge_seq = merge_seq + 1;
