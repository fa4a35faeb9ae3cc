-- The durable queue of recomputation (docs/adr/0001-durable-queue.md). A step that changes a table inserts the keys
-- that depend on the change, in the same transaction; the step that recomputes these keys deletes them, in its own
-- transaction. A killed or repeated step therefore finds exactly the work that is left. Locking pending_key serialises
-- all writers. Queues: customer, product (dimensions); sales_order, web_event (facts); agg_customer, agg_product,
-- agg_order (aggregates to bring up to date); agg_all, with key '*': all aggregates are to be counted again from the
-- facts, and every order, customer and product is queued as well. No sort key, because steps read a queue whole and
-- never look for one key.
create table if not exists history.pending_key (
    entity varchar(32) not null,
    key_value varchar(64) not null
)
diststyle even;
