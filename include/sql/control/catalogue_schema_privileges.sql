-- What is granted on schemas (r_SVV_SCHEMA_PRIVILEGES).
select
    namespace_name,
    privilege_type,
    identity_name,
    identity_type
from svv_schema_privileges
where namespace_name in ('quality', 'staging', 'history', 'dimensions', 'facts', 'analytics');
