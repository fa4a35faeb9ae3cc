-- Everything merged up to this number has passed its audits. Never lowered: a later audit may have been quicker.
update quality.audit_state -- noqa: PRS
set audited_seq = %s
where audited_seq < %s;
