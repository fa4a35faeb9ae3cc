-- Tables that hold rows of an earlier version of their SQL, with the file that changed.
{% from "macros/built_by.sql" import out_of_date %}
{{ out_of_date() }}
