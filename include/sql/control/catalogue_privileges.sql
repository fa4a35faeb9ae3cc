-- What is granted on tables and views (r_SVV_RELATION_PRIVILEGES).
select
    namespace_name,
    relation_name,
    privilege_type,
    identity_name,
    identity_type
from svv_relation_privileges
where namespace_name in ('quality', 'staging', 'history', 'dimensions', 'facts', 'analytics');
