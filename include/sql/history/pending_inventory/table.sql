create table if not exists history.pending_inventory (
    product_id varchar(64) not null,
    first_date date not null,
    last_date date not null
)
distkey (product_id)
sortkey (first_date);
