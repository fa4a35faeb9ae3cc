-- The instant from which facts of an old version may belong to another one: its new end where the version ends
-- earlier, its beginning where the version is gone or its cost differs. Facts of versions that did not change are not
-- read.
{% from "macros/time.sql" import beginning_of_time, earliest_business_day %}
{% from "macros/versions.sql" import valid_at, valid_at_end_of %}
create temp table moved_version distkey (product_id) as
select
    old_version.product_id,
    old_version.product_key,
    old_version.cost_text,
    case
        when
            versions.product_key is not null
            and coalesce(cast(versions.cost as varchar(32)), '-') = old_version.cost_text
            then versions.effective_to
        when old_version.effective_from > {{ beginning_of_time() }} then old_version.effective_from
        else cast('0001-01-02' as timestamp)
    end as moved_from
from old_version
left join dimensions.dim_product as versions on old_version.product_key = versions.product_key
where
    versions.product_key is null
    or versions.effective_to < old_version.effective_to
    or coalesce(cast(versions.cost as varchar(32)), '-') <> old_version.cost_text;

-- bounds: the first day of facts, and of snapshots, that may have moved
select
    count(*) as moved_versions,
    {{ earliest_business_day(load, "coalesce(min(moved_from), " ~ beginning_of_time() ~ ")") }} as first_moved,
    cast(dateadd(day, -1, coalesce(min(moved_from), {{ beginning_of_time() }})) as date) as first_moved_snapshot
from moved_version;

-- Facts that now belong to another version, or whose cost changed.
-- if: moved_versions
insert into history.pending_key (entity, key_value)
select distinct
    'sales_order' as entity,
    sales.order_id as key_value
from moved_version
inner join facts.fact_sales as sales
    on
        moved_version.product_key = sales.product_key
        and sales.order_date >= {{ earliest_business_day(load, "moved_version.moved_from") }}
        and sales.order_date >= '{first_moved}'
left join dimensions.dim_product as versions
    on
        moved_version.product_id = versions.product_id
        and versions.product_key <> -1
        and {{ valid_at("versions", "sales.order_timestamp") }}
where
    versions.product_key is null
    or versions.product_key <> moved_version.product_key
    or coalesce(cast(versions.cost as varchar(32)), '-') <> moved_version.cost_text;

-- if: moved_versions
insert into history.pending_key (entity, key_value)
select distinct
    'web_event' as entity,
    events.event_id as key_value
from moved_version
inner join facts.fact_web_events as events
    on
        moved_version.product_key = events.product_key
        and events.event_date >= {{ earliest_business_day(load, "moved_version.moved_from") }}
        and events.event_date >= '{first_moved}'
left join dimensions.dim_product as versions
    on
        moved_version.product_id = versions.product_id
        and versions.product_key <> -1
        and {{ valid_at("versions", "events.event_timestamp") }}
where versions.product_key is null or versions.product_key <> moved_version.product_key;

-- Stock snapshots refer to versions too: each to the version at the end of its day.
-- if: moved_versions
insert into history.pending_inventory (product_id, first_date, last_date)
select
    inventory.product_id,
    inventory.snapshot_date as first_date,
    inventory.snapshot_date as last_date
from moved_version
inner join facts.fact_inventory as inventory
    on
        moved_version.product_key = inventory.product_key
        and inventory.snapshot_date >= cast(dateadd(day, -1, moved_version.moved_from) as date)
        and inventory.snapshot_date >= '{first_moved_snapshot}'
left join dimensions.dim_product as versions
    on
        moved_version.product_id = versions.product_id
        and versions.product_key <> -1
        and {{ valid_at_end_of("versions", "inventory.snapshot_date") }}
where versions.product_key is null or versions.product_key <> moved_version.product_key;
