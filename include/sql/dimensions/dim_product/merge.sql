-- Rebuilds the pending products of dim_product (SCD type 2) from history.
-- Grain: one version of a product. Key: product_key = hash(product_id, effective_from).
-- Stock changes daily and is no attribute of a version: fact_inventory keeps it.
{% from "macros/queue.sql" import count_merge, dequeue, touched_keys, work %}
lock table history.pending_key;

-- needed: products wait to be merged
{{ work("product") }};

create temp table touched_product distkey (product_id) as
{{ touched_keys("product", "product_id") }};

{% include "dimensions/dim_product/deliveries.sql" %}
{% include "dimensions/dim_product/versions.sql" %}
{% include "dimensions/dim_product/inferred.sql" %}
{% include "dimensions/dim_product/moved_facts.sql" %}

insert into history.pending_key (entity, key_value)
select
    'agg_product' as entity,
    product_id as key_value
from touched_product;

{{ dequeue("product") }};

{{ count_merge() }};
