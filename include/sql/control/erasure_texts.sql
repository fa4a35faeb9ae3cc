-- generated from include/sources; run make generate
-- What the pipeline wrote in prose about rows; the operator reads whom it speaks of.
select message as prose
from quality.check_results
where message is not null
union
select sample as prose
from quality.audit_results
where sample is not null
union
select message as prose
from staging.stg_check_result
where message is not null;
