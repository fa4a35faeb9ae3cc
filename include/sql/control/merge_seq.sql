-- How many merges there were: what an audit that starts now speaks for.
select merge_seq
from quality.warehouse_state;
