-- generated from include/sources; run make generate
-- History: each day's accepted rows as delivered, one slice per source and day. A run replaces its
-- own slices; dimensions and facts are recomputed from here for the keys that changed.
-- Replacing a slice finds its rows by delivery_date, which the sort key makes neighbours. Recomputing
-- joins all deliveries of few keys with the list of touched keys: the distribution key keeps that join
-- on the node.

-- customers: one row per day, customer_id and version
create table if not exists history.customers (
    delivery_date date not null,
    customer_id varchar(64) not null,
    first_name varchar(255),
    last_name varchar(255),
    email varchar(320),
    phone varchar(64),
    date_of_birth date,
    gender varchar(32),
    address varchar(512),
    city varchar(255),
    state varchar(255),
    postal_code varchar(32),
    country varchar(128),
    customer_segment varchar(64),
    registration_date date,
    updated_at timestamp,
    version_at timestamp not null,
    row_hash varchar(32) not null,
    source_file varchar(1024) not null,
    source_line bigint not null,
    run_id varchar(250) not null,
    primary key (customer_id, delivery_date, version_at)
)
diststyle key
distkey (customer_id)
compound sortkey (delivery_date, customer_id);

-- order_items: one row per day, order_item_id
-- spread by order_id: its rows are recomputed and joined with
-- their parent, so both lie on the same node
create table if not exists history.order_items (
    delivery_date date not null,
    order_item_id varchar(64) not null,
    order_id varchar(64) not null,
    product_id varchar(64) not null,
    quantity integer not null,
    unit_price decimal(18, 4) not null,
    line_total decimal(18, 4),
    version_at timestamp not null,
    row_hash varchar(32) not null,
    source_file varchar(1024) not null,
    source_line bigint not null,
    run_id varchar(250) not null,
    primary key (order_item_id, delivery_date, version_at)
)
diststyle key
distkey (order_id)
compound sortkey (delivery_date, order_id);

-- orders: one row per day, order_id
create table if not exists history.orders (
    delivery_date date not null,
    order_id varchar(64) not null,
    customer_id varchar(64),
    order_date timestamp not null,
    order_status varchar(64),
    payment_method varchar(64),
    shipping_city varchar(255),
    shipping_state varchar(255),
    shipping_postal_code varchar(32),
    shipping_country varchar(128),
    subtotal decimal(18, 4),
    tax decimal(18, 4),
    shipping_cost decimal(18, 4),
    discount decimal(18, 4),
    total_amount decimal(18, 4),
    currency varchar(16),
    shipped_date timestamp,
    delivered_date timestamp,
    updated_at timestamp,
    order_status_raw varchar(64),
    version_at timestamp not null,
    row_hash varchar(32) not null,
    source_file varchar(1024) not null,
    source_line bigint not null,
    run_id varchar(250) not null,
    primary key (order_id, delivery_date, version_at)
)
diststyle key
distkey (order_id)
compound sortkey (delivery_date, order_id);

-- products: one row per day, product_id and version
create table if not exists history.products (
    delivery_date date not null,
    product_id varchar(64) not null,
    product_name varchar(512),
    category_name varchar(255),
    subcategory_name varchar(255),
    brand varchar(255),
    sku varchar(128),
    price decimal(18, 4),
    cost decimal(18, 4),
    stock_quantity integer,
    is_active boolean,
    updated_at timestamp,
    version_at timestamp not null,
    row_hash varchar(32) not null,
    source_file varchar(1024) not null,
    source_line bigint not null,
    run_id varchar(250) not null,
    primary key (product_id, delivery_date, version_at)
)
diststyle key
distkey (product_id)
compound sortkey (delivery_date, product_id);

-- web_events: one row per day, event_id
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
