-- Distributed and sorted by what a merge looks for.
create table if not exists facts.fact_returns (
    return_id varchar(64) not null,
    order_item_id varchar(64) not null,
    returned_by varchar(64),
    returned_at timestamp not null,
    customer_key bigint not null,
    product_key bigint not null,
    quantity integer not null,
    refund_amount decimal(18, 4),
    reason varchar(255),
    primary key (return_id)
)
distkey (return_id)
sortkey (returned_at);
