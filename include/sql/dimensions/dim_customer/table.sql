-- Distributed by natural key, so that as-of joins with history and with the versions themselves stay on their node.
-- The surrogate key is a hash of natural key and effective_from; key -1 is the unknown member.
{% from "macros/time.sql" import beginning_of_time, end_of_time %}
create table if not exists dimensions.dim_customer (
    customer_key bigint not null,
    customer_id varchar(64) not null,
    first_name varchar(255),
    last_name varchar(255),
    full_name varchar(511),
    email varchar(320),
    email_domain varchar(320),
    phone varchar(64),
    date_of_birth date,
    gender varchar(32),
    address varchar(1024),
    city varchar(255),
    state varchar(255),
    postal_code varchar(32),
    country varchar(255),
    customer_segment varchar(64),
    registration_date date,
    effective_from timestamp not null,
    effective_to timestamp not null,
    is_current boolean not null,
    is_inferred boolean not null,
    attribute_hash varchar(32) not null,
    primary key (customer_key)
)
distkey (customer_id)
sortkey (customer_id, effective_from);

insert into dimensions.dim_customer (
    customer_key, customer_id, full_name, effective_from, effective_to, is_current, is_inferred, attribute_hash
)
select
    -1 as customer_key,
    '(unknown)' as customer_id,
    'Unknown customer' as full_name,
    {{ beginning_of_time() }} as effective_from,
    {{ end_of_time() }} as effective_to,
    true as is_current,
    false as is_inferred,
    '' as attribute_hash
where not exists (
    select 1 from dimensions.dim_customer
    where customer_key = -1
);
