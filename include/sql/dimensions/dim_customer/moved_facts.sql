-- The instant from which facts of an old version may belong to another one or have another place: its new end where the
-- version ends earlier, its beginning where the version is gone or its place differs. Facts of versions that did not
-- change are not read.
{% from "macros/time.sql" import beginning_of_time, earliest_business_day %}
{% from "macros/versions.sql" import valid_at %}
create temp table moved_version distkey (customer_id) as
select
    judged.customer_id,
    judged.customer_key,
    judged.country,
    judged.state,
    judged.city,
    case
        when judged.keeps_place then judged.new_effective_to
        when judged.effective_from > {{ beginning_of_time() }} then judged.effective_from
        else cast('0001-01-02' as timestamp)
    end as moved_from
from (
    select
        old_version.*,
        versions.effective_to as new_effective_to,
        versions.customer_key is not null
        and coalesce(versions.country, '') = coalesce(old_version.country, '')
        and coalesce(versions.state, '') = coalesce(old_version.state, '')
        and coalesce(versions.city, '') = coalesce(old_version.city, '') as keeps_place
    from old_version
    left join dimensions.dim_customer as versions on old_version.customer_key = versions.customer_key
) as judged
where not judged.keeps_place or judged.new_effective_to < judged.effective_to;

-- bounds: the first day of facts that may have moved
select
    count(*) as moved_versions,
    {{ earliest_business_day(load, "coalesce(min(moved_from), " ~ beginning_of_time() ~ ")") }} as first_moved
from moved_version;

-- if: moved_versions
insert into history.pending_key (entity, key_value)
select distinct
    'sales_order' as entity,
    sales.order_id as key_value
from moved_version
inner join facts.fact_sales as sales
    on
        moved_version.customer_key = sales.customer_key
        and sales.order_date >= {{ earliest_business_day(load, "moved_version.moved_from") }}
        and sales.order_date >= '{first_moved}'
left join dimensions.dim_customer as versions
    on
        moved_version.customer_id = versions.customer_id
        and versions.customer_key <> -1
        and {{ valid_at("versions", "sales.order_timestamp") }}
where
    versions.customer_key is null
    or versions.customer_key <> moved_version.customer_key
    or coalesce(versions.country, '') <> coalesce(moved_version.country, '')
    or coalesce(versions.state, '') <> coalesce(moved_version.state, '')
    or coalesce(versions.city, '') <> coalesce(moved_version.city, '');

-- if: moved_versions
insert into history.pending_key (entity, key_value)
select distinct
    'web_event' as entity,
    events.event_id as key_value
from moved_version
inner join facts.fact_web_events as events
    on
        moved_version.customer_key = events.customer_key
        and events.event_date >= {{ earliest_business_day(load, "moved_version.moved_from") }}
        and events.event_date >= '{first_moved}'
left join dimensions.dim_customer as versions
    on
        moved_version.customer_id = versions.customer_id
        and versions.customer_key <> -1
        and {{ valid_at("versions", "events.event_timestamp") }}
where versions.customer_key is null or versions.customer_key <> moved_version.customer_key;
