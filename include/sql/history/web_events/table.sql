-- generated from include/sources; run make generate
-- Each day's accepted rows as delivered, one slice per day. A run replaces its own slices; dimensions and
-- facts are recomputed from here for the keys that changed.
-- Replacing a slice finds its rows by delivery_date, which the sort key makes neighbours. Recomputing
-- joins all deliveries of few keys with the list of touched keys: the distribution key keeps that join on
-- the node.
create table if not exists history.web_events (
    delivery_date date not null,
    event_id varchar(64) not null,
    customer_id varchar(64),
    session_id varchar(128),
    event_type varchar(64) not null,
    event_timestamp timestamp not null,
    product_id varchar(64),
    page_url varchar(2048),
    referrer varchar(2048),
    device_type varchar(64),
    browser varchar(128),
    user_agent varchar(2048),
    is_session_derived boolean,
    version_at timestamp not null,
    row_hash varchar(32) not null,
    source_file varchar(1024) not null,
    source_line bigint not null,
    run_id varchar(250) not null,
    primary key (event_id, delivery_date, version_at)
)
diststyle key
distkey (event_id)
compound sortkey (delivery_date, event_id);
