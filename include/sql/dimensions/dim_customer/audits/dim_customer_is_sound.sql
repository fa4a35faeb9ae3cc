-- audit: versions of a touched customer have no gap, no overlap, no equal neighbours, exactly one current row, unique keys
-- severity: fail
{% from "macros/distrust.sql" import undeclared_number %}
{% from "macros/queue.sql" import queued %}
{% from "macros/time.sql" import beginning_of_time, end_of_time %}
with versions as (
    select
        customer_key,
        customer_id,
        effective_from,
        effective_to,
        is_current,
        attribute_hash,
        lag(effective_to) over (partition by customer_id order by effective_from) as previous_to,
        lag(attribute_hash) over (partition by customer_id order by effective_from) as previous_hash,
        count(*) over (partition by {{ undeclared_number("customer_key") }}) as key_copies,
        sum(case when is_current then 1 else 0 end) over (partition by customer_id) as current_rows
    from dimensions.dim_customer
    where
        customer_key <> -1
        and customer_id in (
            {{ queued("agg_customer") }}
        )
)

select
    customer_id,
    effective_from,
    effective_to,
    is_current,
    previous_to,
    key_copies,
    current_rows
from versions
where
    effective_from >= effective_to
    or (previous_to is null and effective_from <> {{ beginning_of_time() }})
    or (previous_to is not null and previous_to <> effective_from)
    or attribute_hash = previous_hash
    or (is_current and effective_to <> {{ end_of_time() }})
    or key_copies <> 1
    or current_rows <> 1
