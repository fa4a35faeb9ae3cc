{#
The durable queue of recomputation, history.pending_key (docs/adr/0001-durable-queue.md): a step that changes a table
queues the keys that depend on it, the step that recomputes them takes them out, each in the transaction of the change.
#}

{# The keys that wait in a queue; may name a key twice. #}
{% macro queued(entity, column="") -%}
    select key_value{{ " as " ~ column if column }}
    from history.pending_key
    where entity = '{{ entity }}'
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

{# Whether a rebuild has asked for all aggregates to be counted from nothing. #}
{% macro rebuild_is_queued() -%}
    exists (
        select 1
        from history.pending_key
        where pending_key.entity = 'agg_all'
    )
{%- endmacro %}

{# Counts a merge: what it changed is not published before an audit has passed. #}
{% macro count_merge() -%}
    update quality.warehouse_state set merge_seq = merge_seq + 1
{%- endmacro %}
