-- The dimensions. Surrogate keys are hashes of (natural key, effective_from): the same history gives the same keys,
-- whatever the order of loading. Key -1 is the unknown member.

-- Grain: one calendar day, 2009-01-01 to 2035-12-31; filled by the bootstrap DAG.
-- Small and joined by every query: a copy on each node.
create table if not exists dimensions.dim_date (
    date_key integer not null,
    full_date date not null,
    day_of_week smallint not null,
    day_name varchar(9) not null,
    day_of_month smallint not null,
    day_of_year smallint not null,
    iso_week smallint not null,
    iso_year smallint not null,
    month_number smallint not null,
    month_name varchar(9) not null,
    quarter_number smallint not null,
    year_number smallint not null,
    fiscal_year smallint not null,
    fiscal_quarter smallint not null,
    fiscal_month smallint not null,
    is_weekend boolean not null,
    is_holiday boolean not null,
    holiday_name varchar(255),
    month_start date not null,
    month_end date not null,
    primary key (date_key)
)
diststyle all
sortkey (full_date);

-- Grain: one version of a customer (SCD type 2, half-open intervals). Distributed by natural key, so that as-of joins
-- with history and with the versions themselves stay on their node.
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

-- Grain: one version of a product (SCD type 2). Stock is not an attribute of the version (fact_inventory has it).
create table if not exists dimensions.dim_product (
    product_key bigint not null,
    product_id varchar(64) not null,
    product_name varchar(512),
    category_name varchar(255),
    subcategory_name varchar(255),
    brand varchar(255),
    sku varchar(128),
    price decimal(18, 4),
    cost decimal(18, 4),
    profit_margin decimal(38, 4),
    price_category varchar(16) not null,
    is_active boolean,
    effective_from timestamp not null,
    effective_to timestamp not null,
    is_current boolean not null,
    is_inferred boolean not null,
    attribute_hash varchar(32) not null,
    primary key (product_key)
)
distkey (product_id)
sortkey (product_id, effective_from);

-- Grain: one place that a sale was shipped to (SCD type 1); missing parts are 'unknown'.
create table if not exists dimensions.dim_geography (
    geography_key bigint not null,
    country varchar(255) not null,
    state varchar(255) not null,
    city varchar(255) not null,
    primary key (geography_key)
)
diststyle all
sortkey (country, state, city);

insert into dimensions.dim_customer (
    customer_key, customer_id, full_name, effective_from, effective_to, is_current, is_inferred, attribute_hash
)
select
    -1 as customer_key,
    '(unknown)' as customer_id,
    'Unknown customer' as full_name,
    cast('1900-01-01' as timestamp) as effective_from,
    cast('9999-12-31' as timestamp) as effective_to,
    true as is_current,
    false as is_inferred,
    '' as attribute_hash
where not exists (
    select 1 from dimensions.dim_customer
    where customer_key = -1
);

insert into dimensions.dim_product (
    product_key,
    product_id,
    product_name,
    price_category,
    effective_from,
    effective_to,
    is_current,
    is_inferred,
    attribute_hash
)
select
    -1 as product_key,
    '(unknown)' as product_id,
    'Unknown product' as product_name,
    'unknown' as price_category,
    cast('1900-01-01' as timestamp) as effective_from,
    cast('9999-12-31' as timestamp) as effective_to,
    true as is_current,
    false as is_inferred,
    '' as attribute_hash
where not exists (
    select 1 from dimensions.dim_product
    where product_key = -1
);
