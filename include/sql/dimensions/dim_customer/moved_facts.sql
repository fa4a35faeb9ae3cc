-- Facts that now belong to another version, or whose place comes from a version that changed.
{% from "macros/versions.sql" import valid_at %}
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
        and {{ valid_at("versions", "sales.order_timestamp") }}
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
        and {{ valid_at("versions", "events.event_timestamp") }}
where versions.customer_key is null or versions.customer_key <> old_version.customer_key;
