-- What is granted on single columns (r_SVV_COLUMN_PRIVILEGES).
select
    namespace_name,
    relation_name,
    privilege_type,
    identity_name,
    identity_type,
    column_name
from svv_column_privileges
where namespace_name in ('quality', 'staging', 'history', 'dimensions', 'facts', 'analytics');
