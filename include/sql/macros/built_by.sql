{% from "macros/fingerprints.sql" import fingerprints %}
{#
quality.built_by: which code built the rows of each table (docs/adr/0011-fingerprints.md).
#}

{# Files that built a table and have changed since; none of a table that nothing was noted of. #}
{% macro out_of_date() -%}
    with code as (
        {{ fingerprints() }}
    )

    select
        coalesce(built.table_name, code.table_name) as table_name,
        coalesce(built.file_name, code.file_name) as file_name,
        case
            when code.file_name is null then 'gone' when built.file_name is null then 'new' else 'changed'
        end as what
    from quality.built_by as built
    full outer join code on built.table_name = code.table_name and built.file_name = code.file_name
    where
        coalesce(built.fingerprint, '') <> coalesce(code.fingerprint, '')
        and coalesce(built.table_name, code.table_name) in (
            select noted.table_name
            from quality.built_by as noted
        )
{%- endmacro %}

{# Notes the present code as that which built the tables. #}
{% macro note_code() -%}
    insert into quality.built_by (table_name, file_name, fingerprint, noted_at)
    select
        code.table_name,
        code.file_name,
        code.fingerprint,
        getdate() as noted_at
    from ({{ fingerprints() }}) as code
{%- endmacro %}
