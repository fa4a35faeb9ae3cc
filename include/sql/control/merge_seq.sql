-- The number of merges so far. An audit that starts now covers these.
select merge_seq
from quality.warehouse_state;
