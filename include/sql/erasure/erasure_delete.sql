-- Forgets the note of an erasure that is made again.
delete from quality.erasures
where erasure_id = %s; -- noqa: PRS
