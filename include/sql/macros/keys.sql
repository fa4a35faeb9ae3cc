{% from "macros/time.sql" import BEGINNING %}

{#
A surrogate key: the first 60 bits of a text's MD5 as a BIGINT. The same text gives the same key in every load, whatever
the order of loading (docs/adr/0003-hash-surrogate-keys.md).
#}
{% macro hash_key(text) -%}
    strtol(left(md5({{ text }}), 15), 16)
{%- endmacro %}

{# The key of the version of a member that begins at effective_from. Null without natural key. #}
{% macro version_key(natural_key, effective_from) -%}
    {{ hash_key(natural_key ~ " || '|' || to_char(" ~ effective_from ~ ", 'YYYY-MM-DD HH24:MI:SS.US')") }}
{%- endmacro %}

{#
The key of the first version of a member, delivered or not: it begins at the beginning of time. A fact that comes before
its member holds this key, and the member gets it when it is delivered.
#}
{% macro first_version_key(natural_key) -%}
    {{ hash_key(natural_key ~ " || '|" ~ BEGINNING ~ " 00:00:00.000000'") }}
{%- endmacro %}
