-- The comments that catalogues and BI tools show, from the columns.yaml of a table or view. A column without a text
-- has the meaning of the source's column of the same name; docs/data-dictionary.md has both.
{% if known.definitions %}
    comment on {{ kind }} {{ relation }}
    is '{{ known.description | replace("'", "''") }} Definitions: {{ known.definitions }}';
{% endif %}
{% set source = " (" ~ known.definitions ~ ")" if known.definitions else "" %}
{% for column, meaning in known.columns.items() if meaning %}
    comment on column {{ relation }}.{{ column }}
    is '{{ meaning | replace("`", "") | replace("'", "''") }}{{ source }}';
{% endfor %}
