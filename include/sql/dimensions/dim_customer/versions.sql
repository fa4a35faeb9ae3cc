{% from "macros/keys.sql" import version_key %}
{% from "macros/time.sql" import beginning_of_time, end_of_time %}
delete from dimensions.dim_customer
using touched_customer
where dim_customer.customer_id = touched_customer.customer_id and dim_customer.customer_key <> -1;

-- A delivery equal to the version before it makes no new version. The first version reaches back to the beginning of
-- time, so that earlier facts find it.
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
                then {{ beginning_of_time() }}
            else valid_from
        end as effective_from,
        coalesce(
            lead(valid_from) over (partition by customer_id order by valid_from),
            {{ end_of_time() }}
        ) as effective_to,
        lead(valid_from) over (partition by customer_id order by valid_from) is null as is_current
    from compared
    where previous_hash is null or previous_hash <> attribute_hash
)

select
    {{ version_key("customer_id", "effective_from") }} as customer_key,
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
