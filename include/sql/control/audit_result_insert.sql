-- Notes the outcomes of audits; the operator repeats the row of placeholders and binds the values.
insert into quality.audit_results (run_id, audit, severity, violations, sample, checked_at)
values
(%s, %s, %s, %s, %s, getdate()); -- noqa: PRS
