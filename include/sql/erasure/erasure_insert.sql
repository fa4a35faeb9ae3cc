-- Notes that a person was taken out; the operator binds the values.
insert into quality.erasures (
    erasure_id, pseudonym, requested_by, reason, raw_files, raw_rows, processed_objects, days, finished_at
)
values (%s, %s, %s, %s, %s, %s, %s, %s, getdate()); -- noqa: PRS
