-- The version keys that facts may hold before the rebuild, to find the facts that it moves to another version. A
-- late-arriving customer leaves facts with the key of the first version.
{% from "macros/bounds.sql" import span, within %}
{% from "macros/keys.sql" import first_version_key %}
{% from "macros/queue.sql" import queued %}
{% from "macros/time.sql" import beginning_of_time, end_of_time, within_time %}
{% from "macros/versions.sql" import newest_rank %}
create temp table old_version distkey (customer_id) as
select
    touched_customer.customer_id,
    coalesce(
        versions.customer_key,
        {{ first_version_key("touched_customer.customer_id") }}
    ) as customer_key,
    coalesce(versions.effective_from, {{ beginning_of_time() }}) as effective_from,
    coalesce(versions.effective_to, {{ end_of_time() }}) as effective_to,
    versions.country,
    versions.state,
    versions.city
from touched_customer
left join dimensions.dim_customer as versions
    on touched_customer.customer_id = versions.customer_id and versions.customer_key <> -1;

-- Of two deliveries of one version (same customer, same instant) the later delivery is current (macro newest_rank).
-- Instants outside time count as the nearest one inside, so that a wrong date in a file does not break the intervals.
-- bounds: days in which the touched customers were delivered
select {{ span("customers.delivery_date", "delivery") }}
from history.customers as customers
where customers.customer_id in (
    {{ queued("customer") }}
);

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
        {{ newest_rank("bounded.customer_id, bounded.valid_from", "bounded") }} as delivery_rank
    from (
        select
            customers.*,
            {{ within_time("customers.version_at") }} as valid_from
        from history.customers as customers
        where
            {{ within("customers.delivery_date", "delivery") }}
            and customers.customer_id in (
                {{ queued("customer") }}
            )
    ) as bounded
) as numbered
where numbered.delivery_rank = 1;
