-- Roles (r_SVV_ROLES).
select role_name
from svv_roles;
