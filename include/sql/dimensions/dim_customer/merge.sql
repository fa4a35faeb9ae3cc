-- Rebuilds the pending customers of dim_customer (SCD type 2) from history.
-- Grain: one version of a customer. Key: customer_key = hash(customer_id, effective_from).
{% from "macros/queue.sql" import count_merge, dequeue, touched_keys, work %}
lock table history.pending_key;

-- needed: customers wait to be merged
{{ work("customer") }};

create temp table touched_customer distkey (customer_id) as
{{ touched_keys("customer", "customer_id") }};

{% include "dimensions/dim_customer/deliveries.sql" %}
{% include "dimensions/dim_customer/versions.sql" %}
{% include "dimensions/dim_customer/inferred.sql" %}
{% include "dimensions/dim_customer/moved_facts.sql" %}

insert into history.pending_key (entity, key_value)
select
    'agg_customer' as entity,
    customer_id as key_value
from touched_customer;

{{ dequeue("customer") }};

{{ count_merge() }};
