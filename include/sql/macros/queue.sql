{#
The durable queue of recomputation, history.pending_key (docs/adr/0001-durable-queue.md): a step that changes a table
queues the keys that depend on it, the step that recomputes them takes them out, each in the transaction of the change.
#}

{# The keys that wait in a queue, or in one of two; may name a key twice. #}
{% macro queued(entity, column="", other="") -%}
    select key_value{{ " as " ~ column if column }}
    from history.pending_key
    where entity {{ "in ('" ~ entity ~ "', '" ~ other ~ "')" if other else "= '" ~ entity ~ "'" }}
{%- endmacro %}

{# A row where keys wait in a queue. #}
{% macro work(entity) -%}
    select count(*) as pending_keys
    from history.pending_key
    where entity = '{{ entity }}'
    having count(*) > 0
{%- endmacro %}

{# The keys that wait in a queue, each once, as a column. #}
{% macro touched_keys(entity, column) -%}
    select distinct key_value as {{ column }}
    from history.pending_key
    where entity = '{{ entity }}'
{%- endmacro %}

{# Takes all keys of one or more queues out: they were recomputed. #}
{% macro dequeue() -%}
    delete from history.pending_key
    where entity {{ "= '" ~ varargs[0] ~ "'" if varargs | length == 1 else "in ('" ~ varargs | join("', '") ~ "')" }}
{%- endmacro %}

{# Whether a queue is one that merges empty, not the refresh of the aggregates. #}
{% macro waits_for_merge() -%}
    entity not in ('agg_customer', 'agg_product', 'agg_order', 'agg_all')
{%- endmacro %}

{# Counts a merge: what it changed is not published before an audit has passed. #}
{% macro count_merge() -%}
    update quality.warehouse_state set merge_seq = merge_seq + 1
{%- endmacro %}
