"""What the guide's index lists: functions that a statement may call, and where they run.

https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions.html by chapter. A function that is not here is not
Redshift's, or is deprecated there; one that the product needs first is added with the chapter that names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_ALLOWED = """
any_value avg count listagg max median min percentile_cont stddev_samp stddev_pop stddev sum variance var_samp var_pop
approximate
bit_and bit_or bool_and bool_or
coalesce decode greatest least nvl nvl2 nullif
to_char to_date to_number to_timestamp cast convert try_cast text_to_int_alt text_to_numeric_alt
add_months convert_timezone current_date date_cmp date_cmp_timestamp date_diff date_part date_part_year date_trunc
dateadd datediff extract getdate interval_cmp last_day months_between next_day sysdate timeofday timestamp_cmp
timestamp_cmp_date timezone trunc
checksum farmhash64 fnv_hash md5 sha sha1 sha2 func_sha1 murmur3_32_hash
hll hll_create_sketch hll_cardinality hll_combine
can_json_parse get_array_length is_valid_json is_valid_json_array json_array_length json_extract_array_element_text
json_extract_path_text json_parse json_serialize json_serialize_to_varbyte json_size object json_typeof
abs acos asin atan atan2 cbrt ceiling ceil cos cot degrees dexp dlog1 dlog10 exp floor ln log log10 mod pi power pow
radians random round sign sin sqrt tan
bpcharcmp btrim bttext_pattern_cmp char_length character_length charindex chr collate concat crc32 difference initcap
left right len length lower lpad rpad ltrim octetindex octet_length position quote_ident quote_literal regexp_count
regexp_instr regexp_replace regexp_substr repeat replace replicate reverse rtrim soundex split_part strpos strtol
substring substr textlen translate trim upper
array array_concat array_contains array_distinct array_flatten get_array_length split_to_array subarray
cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank ratio_to_report row_number
current_user current_user_id session_user current_namespace current_session_arn default_iam_role pg_backend_pid
pg_cancel_backend pg_terminate_backend pg_last_copy_count pg_last_copy_id pg_last_query_id pg_last_unload_count
pg_get_session_roles role_is_member_of user_is_member_of user version slice_num get_job_info pg_last_unload_id
current_database
from_hex to_hex from_varbyte to_varbyte getbit
grouping grouping_id
"""
ALLOWED = frozenset(_ALLOWED.split())
# Before a bracket these are no functions.
_TEXT_OF_WORDS = """
all and any as between by case check compound cross distinct distkey diststyle else end except exists explicit from
full group having in inner insert intersect into is join key limit like minus natural not on or order outer over
partition primary qualify references select set similar some sortkey then to union unique using values when where with
within foreign ilike filter materialized cube rollup sets returning view table temp constraint interleaved role
lateral
"""
_WORDS = frozenset(_TEXT_OF_WORDS.split())
_TEXT_OF_TYPES = """
varchar char character decimal numeric nvarchar nchar bpchar time timestamp varbyte float bit
"""
_TYPES = frozenset(_TEXT_OF_TYPES.split())
# https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions_leader_node_only.html
# pg_get_constraintdef: awslabs/amazon-redshift-utils, v_generate_tbl_ddl, which AWS names for reading definitions.
# NOW, AGE, ASCII, GENERATE_SERIES and other deprecated ones are in neither list: they are refused everywhere.
_TEXT_OF_LEADER = """
current_schema current_schemas has_database_privilege has_schema_privilege has_table_privilege isfinite
pg_get_userbyid pg_table_is_visible format_type pg_get_viewdef pg_get_constraintdef obj_description col_description
"""
LEADER = frozenset(_TEXT_OF_LEADER.split())
_TEXT_OF_NAMES_A_RELATION = """
into table exists view references copy update using temp from join
"""
_NAMES_A_RELATION = frozenset(_TEXT_OF_NAMES_A_RELATION.split())
_CATALOGUE = re.compile(r"\b(?:pg_(?!catalog\.)\w+|information_schema\.\w+)\b(?!\s*\()", re.IGNORECASE)
_USER_TABLE = re.compile(r"\b(?:staging|history|dimensions|facts|analytics|quality)\.\w+", re.IGNORECASE)


def calls(code: str) -> Iterator[str]:
    """Names that a statement calls, in lower case; strings of the code are masked."""
    ctes = {
        name.lower()
        for name in re.findall(r"(?:\bwith|,)\s+(\w+)\s*\([\w\s,]*\)\s+as\s*\(", code, re.IGNORECASE)
    }
    for match in re.finditer(r"([\w.\"]+)?(\s*)\b(\w+)\s*\(", code):
        before, name = (match[1] or "").lower(), match[3].lower()
        if before.endswith(".") or before in _NAMES_A_RELATION:
            continue
        if name not in _WORDS and name not in _TYPES and name not in ctes:
            yield name


def function_rules(code: str) -> Iterator[str]:
    """Functions that the guide does not list, and those of the leader node beside tables of the compute nodes."""
    found = set(calls(code))
    for name in sorted(found - ALLOWED - LEADER):
        yield f"a function that Redshift lacks, or that the index does not list: {name}"
    leaders = sorted(found & LEADER)
    if _USER_TABLE.search(code):
        for name in leaders:
            yield f"{name} runs on the leader node only, not beside user tables"
        if _CATALOGUE.search(code):
            yield "catalogue tables live on the leader node and are not joined with user tables"
    elif leaders and re.search(
        r"\bfrom\s+(?!pg_|information_schema|svv_|stv_|stl_|sys_)\w", code, re.IGNORECASE
    ):
        for name in leaders:
            yield f"a function that Redshift lacks beside user tables: {name} runs on the leader node only"
