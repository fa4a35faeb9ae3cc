-- Foreign keys are declared for the planner and proven by the audits; Redshift does not enforce them.
create table if not exists facts.fact_web_events (
    event_id varchar(64) not null,
    event_date date not null,
    event_date_key integer not null,
    event_timestamp timestamp not null,
    customer_key bigint not null,
    customer_id varchar(64),
    product_key bigint not null,
    product_id varchar(64),
    session_id varchar(128),
    is_session_derived boolean,
    event_type varchar(64) not null,
    page_url varchar(2048),
    referrer varchar(2048),
    device_type varchar(64),
    browser varchar(128),
    session_started_at timestamp,
    visitor_id varchar(128),
    primary key (event_id),
    foreign key (customer_key) references dimensions.dim_customer (customer_key),
    foreign key (product_key) references dimensions.dim_product (product_key)
)
distkey (event_id)
sortkey (event_date);
