-- Forgets which code built a table, before its rows are accepted.
delete from quality.built_by
where table_name = %s; -- noqa: PRS
