-- generated from include/sources; run make generate
-- Puts the new texts of erased_text where the old ones are.
update quality.check_results set message = erased_text.new_text
from erased_text
where check_results.message = erased_text.old_text;

update quality.audit_results set sample = erased_text.new_text
from erased_text
where audit_results.sample = erased_text.old_text;

update staging.stg_check_result set message = erased_text.new_text
from erased_text
where stg_check_result.message = erased_text.old_text;
