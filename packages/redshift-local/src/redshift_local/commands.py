"""Commands that are neither queries nor tables: roles and grants, settings, maintenance, procedures."""

from __future__ import annotations

import re
from collections.abc import Sequence

from redshift_local.plan import Plan, Refused, not_in_redshift, not_served
from redshift_local.queries import rewrite
from redshift_local.shows import show_objects
from redshift_local.tokens import (
    Group,
    Node,
    Token,
    find,
    identifier,
    inner,
    is_mark,
    quote_name,
    quote_text,
    read_name,
    render,
    split,
    starts,
    string_value,
)

# Settings that change only how fast or how a query is accounted for; kept so that SHOW gives them back.
_KEPT_SETTINGS = {
    *("query_group", "wlm_query_slot_count", "enable_result_cache_for_session", "analyze_threshold_percent"),
    *("enable_vacuum_boost", "mv_enable_aqmv_for_session", "query_priority", "max_cursor_result_set_size"),
    *("auto_analyze", "spectrum_query_maxerror", "stored_proc_log_min_messages", "use_fips_ssl"),
    *("describe_field_name_in_uppercase", "error_on_nondeterministic_update", "json_serialization_enable"),
    *("json_serialization_parse_nested_strings", "navigate_super_null_on_error", "cast_super_null_on_error"),
    *("parse_super_null_on_error", "downcase_delimited_identifier", "enable_case_sensitive_identifier"),
    *("enable_numeric_rounding", "default_geometry_encoding", "interval_forbid_composite_literals"),
}
_KEPT_DEFAULTS = {"query_group": "unset", "wlm_query_slot_count": "1", "enable_result_cache_for_session": "on"}
# Settings whose other value would change what statements mean.
_FIXED_SETTINGS = {
    "describe_field_name_in_uppercase": "off",
    "enable_case_sensitive_identifier": "false",
    "downcase_delimited_identifier": "on",
    "error_on_nondeterministic_update": "false",
    "enable_numeric_rounding": "off",
}
_SHARED_SETTINGS = {
    *("search_path", "statement_timeout", "timezone", "datestyle", "extra_float_digits", "application_name"),
    *("client_encoding", "client_min_messages", "intervalstyle"),
}
_SYNONYMS = {"true": {"true", "on", "1", "yes"}, "false": {"false", "off", "0", "no"}}
SEARCH_PATH_TAIL = "redshift_shim, pg_catalog"
DEFAULT_SEARCH_PATH = '"$user", public'


def set_command(nodes: Sequence[Node]) -> Plan:
    """``SET name TO value``."""
    index = 1
    scope = ""
    if nodes[index].up in {"LOCAL", "SESSION"} and not starts(nodes, "AUTHORIZATION", index + 1):
        scope = nodes[index].up.lower() + " "
        index += 1
    if starts(nodes, "TRANSACTION", index) or starts(nodes, "CHARACTERISTICS", index):
        return Plan("UTILITY", "select 1 where false", tag="SET")
    if starts(nodes, "TIME ZONE", index):
        return Plan("UTILITY", render(nodes).strip())
    if starts(nodes, "SESSION AUTHORIZATION", index):
        return _session_authorization(nodes[index + 2 :])
    name = identifier(nodes[index])
    if name == "role":
        raise not_in_redshift("SET ROLE", "use SET SESSION AUTHORIZATION")
    if not (
        starts(nodes, "TO", index + 1) or is_mark(nodes[index + 1] if index + 1 < len(nodes) else None, "=")
    ):
        raise Refused(f'syntax error at or near "{render(nodes[index:]).strip()}"', "42601")
    value_nodes = nodes[index + 2 :]
    value = _setting_value(value_nodes)
    if name == "search_path":
        if starts(value_nodes, "DEFAULT"):
            value = DEFAULT_SEARCH_PATH
        else:
            value = ", ".join(inner(rewrite(part)) for part in split(value_nodes))
            if len(value_nodes) == 1 and value_nodes[0].kind == "string":
                value = ", ".join(
                    quote_name(part.strip().lower()) for part in _setting_value(value_nodes).split(",")
                )
        return Plan("UTILITY", f"set {scope}search_path to {value}, {SEARCH_PATH_TAIL}")
    if name in _FIXED_SETTINGS:
        fixed = _FIXED_SETTINGS[name]
        same = next((words for words in _SYNONYMS.values() if fixed in words), {fixed})
        if value.lower() not in same and value_nodes[0].up != "DEFAULT":
            raise not_served(f"SET {name} TO {value}")
    if name in _KEPT_SETTINGS:
        kept = _KEPT_DEFAULTS.get(name, "") if value_nodes and value_nodes[0].up == "DEFAULT" else value
        setting = (name, kept) if name == "query_group" else None
        return Plan(
            "UTILITY", f"set {scope}redshift_shim.{name} to {quote_text(kept)}", setting=setting, tag="SET"
        )
    if name not in _SHARED_SETTINGS and not name.startswith("redshift_shim"):
        raise Refused(f'unrecognized configuration parameter "{name}"', "42704")
    return Plan("UTILITY", render(nodes).strip())


def _session_authorization(nodes: Sequence[Node]) -> Plan:
    """``SET SESSION AUTHORIZATION``: the session acts as a user that it made; its own login stays what it was."""
    if len(nodes) != 1 or not isinstance(nodes[0], Token):
        raise Refused("syntax error in SET SESSION AUTHORIZATION", "42601")
    if nodes[0].up == "DEFAULT":
        return Plan("UTILITY", "reset role", tag="SET")
    user = string_value(nodes[0]) if nodes[0].kind == "string" else identifier(nodes[0])
    if user.lower() == "none":  # a word of PostgreSQL's SET ROLE
        raise Refused(f'role "{user}" does not exist', "22023")
    return Plan("UTILITY", f"set role {quote_name(user)}", tag="SET")


def _setting_value(nodes: Sequence[Node]) -> str:
    if len(nodes) == 1 and isinstance(nodes[0], Token) and nodes[0].kind == "string":
        return string_value(nodes[0])
    return render(nodes).strip()


def reset_command(nodes: Sequence[Node]) -> Plan:
    """``RESET name``."""
    name = identifier(nodes[1])
    if name == "session" and starts(nodes, "AUTHORIZATION", 2):
        return Plan("UTILITY", "reset role", tag="RESET")
    if name not in _SHARED_SETTINGS | _KEPT_SETTINGS | {"all"} and not name.startswith("redshift_shim"):
        raise Refused(f'unrecognized configuration parameter "{name}"', "42704")
    if name == "search_path":
        return Plan("UTILITY", f"set search_path to {DEFAULT_SEARCH_PATH}, {SEARCH_PATH_TAIL}", tag="RESET")
    if name == "all":
        return Plan(
            "UTILITY",
            f"reset all; set search_path to {DEFAULT_SEARCH_PATH}, {SEARCH_PATH_TAIL}",
            setting=("query_group", "unset"),
            tag="RESET",
        )
    if name in _KEPT_SETTINGS:
        default = _KEPT_DEFAULTS.get(name, "")
        setting = (name, default) if name == "query_group" else None
        return Plan(
            "UTILITY", f"set redshift_shim.{name} to {quote_text(default)}", setting=setting, tag="RESET"
        )
    return Plan("UTILITY", render(nodes).strip())


def show_command(nodes: Sequence[Node]) -> Plan:
    """``SHOW name`` and the forms that list objects."""
    name = identifier(nodes[1]) if len(nodes) > 1 else ""
    if len(nodes) > 2 and nodes[1].up in {"TABLE", "VIEW", "PROCEDURE"}:
        raise not_served(f"SHOW {nodes[1].up}")
    if (listed := show_objects(nodes)) is not None:
        return listed
    if name == "search_path":
        return Plan(
            "UTILITY",
            "select replace(current_setting('search_path'), ', redshift_shim, pg_catalog', '') as search_path",
        )
    if name == "server_version":
        return Plan("UTILITY", "select '8.0.2' as server_version")
    if name in _KEPT_SETTINGS:
        default = quote_text(_KEPT_DEFAULTS.get(name, ""))
        return Plan(
            "UTILITY",
            f"select coalesce(current_setting('redshift_shim.{name}', true), {default}) as {name}",
        )
    return Plan("UTILITY", render(nodes).strip())


def transaction_command(nodes: Sequence[Node]) -> Plan:
    """BEGIN, COMMIT, ROLLBACK and their synonyms. Every transaction runs at the database's isolation level."""
    word = nodes[0].up
    words = [node.up for node in nodes]
    if "SAVEPOINT" in words or "TO" in words or word in {"SAVEPOINT", "RELEASE"}:
        raise not_in_redshift("A savepoint")
    if word in {"BEGIN", "START"}:
        if "READ" in words and "ONLY" in words:
            return Plan("UTILITY", "begin read only", control=True)
        return Plan("UTILITY", "begin" if word == "BEGIN" else "start transaction", control=True)
    if word in {"COMMIT", "END"}:
        return Plan("UTILITY", "commit", control=True)
    return Plan("UTILITY", "rollback", control=True)


def lock_command(nodes: Sequence[Node]) -> Plan:
    """``LOCK [TABLE] a, b``: always the strongest mode."""
    index = 2 if starts(nodes, "TABLE", 1) else 1
    if find(nodes, "IN", index) > 0 or find(nodes, "NOWAIT", index) > 0:
        raise not_in_redshift("LOCK with a mode")
    tables = inner(rewrite(nodes[index:]))
    return Plan("UTILITY", f"lock table {tables} in access exclusive mode", table=tables)


def vacuum_command(nodes: Sequence[Node]) -> Plan:
    """``VACUUM``: PostgreSQL's plain vacuum reclaims; the front sorts."""
    index = 1
    sorts = True
    for form in ("FULL", "SORT ONLY", "DELETE ONLY", "REINDEX", "RECLUSTER"):
        if starts(nodes, form, index):
            index += len(form.split())
            sorts = form != "DELETE ONLY"
            break
    name, index = read_name(nodes, index)
    if starts(nodes, "TO", index):
        index += 3
    if starts(nodes, "BOOST", index):
        index += 1
    if index < len(nodes):
        raise Refused(f'syntax error at or near "{nodes[index].render().strip()}"', "42601")
    table = ".".join(map(quote_name, name))
    return Plan(
        "UTILITY",
        f"vacuum {table}".strip(),
        table=".".join(name),
        sorts=table if sorts else "",
        alone="VACUUM",
        tag="VACUUM",
    )


def analyze_command(nodes: Sequence[Node]) -> Plan:
    """``ANALYZE``."""
    index = 2 if starts(nodes, "VERBOSE", 1) else 1
    if starts(nodes, "COMPRESSION", index):
        raise not_served("ANALYZE COMPRESSION")
    name, index = read_name(nodes, index)
    columns = ""
    if index < len(nodes) and isinstance(nodes[index], Group):
        columns = " " + inner(rewrite(nodes[index : index + 1]))
        index += 1
    if starts(nodes, "PREDICATE COLUMNS", index) or starts(nodes, "ALL COLUMNS", index):
        index += 2
    if index < len(nodes):
        raise Refused(f'syntax error at or near "{nodes[index].render().strip()}"', "42601")
    return Plan("UTILITY", f"analyze {'.'.join(map(quote_name, name))}{columns}".strip(), table=".".join(name))


def grant_command(nodes: Sequence[Node]) -> Plan:
    """GRANT and REVOKE, on objects and of roles."""
    words = [node.up for node in nodes]
    if starts(nodes, "ROLE", 1):
        without = [*nodes[:1], *(node for node in nodes[1:] if node.up != "ROLE")]
        return Plan("DDL", inner(rewrite(without)))
    for privilege in ("ASSUMEROLE", "EXPLAIN", "IGNORE", "MASKING", "SCAN"):
        if privilege in words:
            raise not_served(f"{words[0]} {privilege}")
    if "ON" not in words:
        raise not_served(f"{words[0]} of a system privilege")
    privileges = words[1 : words.index("ON")]
    for privilege in ("DROP", "ALTER"):
        if privilege in privileges:
            raise not_served(f"{words[0]} {privilege}")
    if "SEQUENCE" in words or "SEQUENCES" in words:
        raise not_in_redshift("A sequence")
    target = max(find(nodes, "TO"), find(nodes, "FROM"))
    kept = [node for i, node in enumerate(nodes) if not (i > target > 0 and node.up == "ROLE")]
    return Plan("DDL", inner(rewrite(kept)))


def create_user(nodes: Sequence[Node]) -> Plan:
    """``CREATE USER`` and ``ALTER USER``."""
    verb = nodes[0].up.lower()
    name = identifier(nodes[2])
    index = 3
    options: list[str] = []
    if verb == "alter" and starts(nodes, "RENAME TO", index):
        return Plan(
            "DDL", f"alter role {quote_name(name)} rename to {quote_name(identifier(nodes[index + 2]))}"
        )
    if verb == "alter" and (starts(nodes, "SET", index) or starts(nodes, "RESET", index)):
        raise not_served("ALTER USER … SET")
    title = [f"{verb} user {name}"]
    while index < len(nodes):
        word = nodes[index].up
        following = nodes[index + 1] if index + 1 < len(nodes) else None
        if word == "WITH":
            index += 1
        elif word == "PASSWORD" and starts(nodes, "DISABLE", index + 1):
            options.append("password null")
            index += 2
        elif word == "PASSWORD" and isinstance(following, Token) and following.kind == "string":
            password = string_value(following)
            _check_password(password, name)
            options.append(f"password {quote_text(password)}")
            title.append("password ***")
            index += 2
        elif word in {"CREATEDB", "NOCREATEDB"}:
            options.append(word.lower())
            index += 1
        elif word in {"CREATEUSER", "NOCREATEUSER"}:
            if word == "CREATEUSER":
                raise not_served("A second superuser (CREATEUSER)")
            options.append("nocreaterole")
            index += 1
        elif starts(nodes, "SYSLOG ACCESS", index):
            index += 3
        elif starts(nodes, "IN GROUP", index):
            parts = split(nodes[index + 2 :])
            groups = [identifier(part[0]) for part in parts]
            options.append("in role " + ", ".join(map(quote_name, groups)))
            index = len(nodes)
        elif starts(nodes, "VALID UNTIL", index):
            options.append(f"valid until {nodes[index + 2].render().strip()}")
            index += 3
        elif starts(nodes, "CONNECTION LIMIT", index):
            limit = "-1" if nodes[index + 2].up == "UNLIMITED" else nodes[index + 2].render().strip()
            options.append(f"connection limit {limit}")
            index += 3
        elif starts(nodes, "SESSION TIMEOUT", index):
            index += 3
        else:
            raise Refused(f'syntax error at or near "{nodes[index].render().strip()}"', "42601")
    login = "login " if verb == "create" else ""
    return Plan(
        "DDL",
        f"{verb} role {quote_name(name)} with {login}{' '.join(options)}",
        tag=f"{verb.upper()} USER",
        title=" ".join(title),
    )


def _check_password(password: str, user: str) -> None:
    if re.fullmatch(r"(md5[0-9a-f]{32}|sha256\|.*)", password):
        raise not_served("A hashed password")
    problems = [
        (not 8 <= len(password) <= 64, "have 8 to 64 characters"),
        (not re.search(r"[a-z]", password), "contain a lower case letter"),
        (not re.search(r"[A-Z]", password), "contain an upper case letter"),
        (not re.search(r"\d", password), "contain a number"),
    ]
    for wrong, demand in problems:
        if wrong:
            raise Refused(f'the password of user "{user}" must {demand}', "22023")


def create_role(nodes: Sequence[Node]) -> Plan:
    """``CREATE ROLE`` and ``CREATE GROUP``."""
    what = nodes[1].up
    name = quote_name(identifier(nodes[2]))
    users = ""
    if what == "GROUP" and find(nodes, "USER") > 0:
        users = " role " + inner(rewrite(nodes[find(nodes, "USER") + 1 :]))
    elif len(nodes) > 3 and not starts(nodes, "WITH", 3):
        raise not_served(f"CREATE ROLE … {render(nodes[3:]).strip()}")
    return Plan("DDL", f"create role {name} nologin{users}", tag=f"CREATE {what}")


def drop_role(nodes: Sequence[Node]) -> Plan:
    """``DROP USER``, ``DROP ROLE`` and ``DROP GROUP``."""
    rest = [node for node in nodes[2:] if node.up not in {"FORCE", "RESTRICT"}]
    return Plan("DDL", f"drop role {inner(rewrite(rest))}", tag=f"DROP {nodes[1].up}")


def alter_group(nodes: Sequence[Node]) -> Plan:
    """``ALTER GROUP g ADD USER u``."""
    name = quote_name(identifier(nodes[2]))
    users = inner(rewrite(nodes[5:]))
    if starts(nodes, "ADD USER", 3):
        return Plan("DDL", f"grant {name} to {users}", tag="ALTER GROUP")
    if starts(nodes, "DROP USER", 3):
        return Plan("DDL", f"revoke {name} from {users}", tag="ALTER GROUP")
    if starts(nodes, "RENAME TO", 3):
        return Plan("DDL", f"alter role {name} rename to {users}", tag="ALTER GROUP")
    raise Refused("syntax error in ALTER GROUP", "42601")


def create_view(nodes: Sequence[Node]) -> Plan:
    """``CREATE [OR REPLACE] VIEW … [WITH NO SCHEMA BINDING]``."""
    end = len(nodes)
    binding = find(nodes, "WITH NO SCHEMA BINDING")
    if binding > 0:
        end = binding
    if any(node.up in {"TEMP", "TEMPORARY", "RECURSIVE"} for node in nodes[1:4]):
        raise not_in_redshift("A temporary or recursive view")
    name, _ = read_name(nodes, find(nodes, "VIEW") + 1)
    text = inner(rewrite(nodes[:end]))
    if binding > 0 or not starts(nodes, "OR REPLACE", 1):
        return Plan("DDL", text, table=".".join(name))
    view = quote_text(".".join(map(quote_name, name)))
    return Plan(
        "DDL",
        text,
        before=(f"select redshift_shim.keep_view(to_regclass({view}))",),
        after=(f"select redshift_shim.check_view({view})",),
        tag="CREATE VIEW",
        table=".".join(name),
    )
