-- Accepts the rows of a table that an earlier version of its SQL built, with the reason.
{% from "macros/fingerprints.sql" import fingerprints %}
insert into quality.built_by (table_name, file_name, fingerprint, reason, noted_at)
select
    code.table_name,
    code.file_name,
    code.fingerprint,
    accepted.reason,
    getdate() as noted_at
from ({{ fingerprints() }}) as code
inner join (select %s as table_name, %s as reason) as accepted on code.table_name = accepted.table_name; -- noqa: PRS, ST05
