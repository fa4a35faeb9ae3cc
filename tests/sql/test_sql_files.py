"""The folder of the SQL: one place per table, one place per expression, files that fit a screen or three."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
import sqlglot
from harness import CONTRACTS, SQL, load_of
from sqlglot import exp

from ecommerce_dwh.warehouse import sql_files
from ecommerce_dwh.warehouse.sql_files import SCHEMAS, Relation, SqlFileError, read_columns, relations
from ecommerce_dwh.warehouse.sql_text import without_comments
from tools import rendered_sql

FILES = sorted(SQL.rglob("*.sql"))
MACROS = sorted((SQL / "macros").glob("*.sql"))
RELATIONS = relations(SQL)
LOAD = load_of(date(2026, 1, 1), date(2026, 1, 3))
LONGEST = 250

# What one macro says for all files, by the macros' file.
ONCE = {
    "the beginning of time (macros/time.sql)": r"1900-01-01",
    "the end of time (macros/time.sql)": r"9999-12-3",
    "a hash key (macros/keys.sql)": r"strtol\s*\(\s*left\s*\(\s*md5",
    "the newest version (macros/versions.sql)": (
        r"version_at\s+desc\s*,\s*(?:\{\{ of_row \}\}|\w+\.)?(?:delivery_date|row_hash)\s+desc"
    ),
    "the version valid at an instant (macros/versions.sql)": r"(?<!effective_to)\s<=?\s*\w+\.effective_to\b",
    "the keys of a queue (macros/queue.sql)": r"from\s+history\.pending_key\s+where\s+(?:\w+\.)?entity\s*(?:=|in\b)",
    "the queues of the merges (macros/queue.sql)": r"entity\s+not\s+in\b",
    "the count of merges (macros/queue.sql)": r"set\s+merge_seq\s*=\s*merge_seq",
}


def name_of(file: Path) -> str:
    return file.relative_to(SQL).as_posix()


def test_there_are_files_macros_and_relations() -> None:
    assert len(FILES) > 100
    assert len(MACROS) >= 5
    assert {relation.kind for relation in RELATIONS} == {"table", "view"}


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_file_is_short(file: Path) -> None:
    lines = len(file.read_text("utf-8").splitlines())
    assert lines <= LONGEST, f"{lines} lines; cut it into steps that a merge.sql includes by name"


@pytest.mark.parametrize("file", [file for file in FILES if file.parent.name != "macros"], ids=name_of)
def test_what_a_macro_says_stands_nowhere_else(file: Path) -> None:
    code = without_comments(file.read_text("utf-8"))
    if file.name == "erase_person.sql":  # what a date that must be there becomes, which is no beginning of time
        code = code.replace("= '1900-01-01", "")
    found = [what for what, pattern in ONCE.items() if re.search(pattern, code, re.IGNORECASE)]
    assert not found, f"take the macro for {', '.join(found)}"


@pytest.mark.parametrize("what", ONCE)
def test_the_pattern_of_a_macro_finds_it_in_the_macros(what: str) -> None:
    text = "\n".join(file.read_text("utf-8") for file in MACROS)
    text = re.sub(r"\{\{ of_row \}\}", "", text)
    rendered = "\n".join(example for _, example in RENDERED.values())
    assert re.search(ONCE[what], text + rendered, re.IGNORECASE), what


def macro(file: str, call: str) -> str:
    """What a macro renders to, in one line."""
    name = call.partition("(")[0]
    text = f'{{% from "macros/{file}.sql" import {name} %}}{{{{ {call} }}}}'
    return " ".join(sql_files.environment(SQL).from_string(text).render().split())


# Macros --------------------------------------------------------------------------------------------------------------

BEGINNING = "cast('1900-01-01' as timestamp)"
KEY = "strtol(left(md5(a.id || '|1900-01-01 00:00:00.000000'), 15), 16)"


def quotient(dividend: str, divisor: str) -> str:
    """The macro of a quotient, which has a case of its own."""
    text = f'{{% from "macros/quotient.sql" import quotient %}}{{{{ quotient("{dividend}", "{divisor}") }}}}'
    return " ".join(sql_files.environment(SQL).from_string(text).render().split())


SUMS = (
    *("orders", "units_sold", "total_revenue", "unsettled_orders", "costed_lines"),
    *("gross_sales", "discounts", "returns", "refunds", "taxes", "shipping"),
    *("cost", "costed_revenue", "costed_net_sales"),
)
RENDERED = {
    "beginning_of_time()": ("time", BEGINNING),
    "end_of_time()": ("time", "cast('9999-12-31' as timestamp)"),
    "within_time('a.at')": (
        "time",
        f"least(greatest(a.at, {BEGINNING}), cast('9999-12-30' as timestamp))",
    ),
    "business_day({'business_timezone': 'UTC'}, 'a.at')": ("time", "cast(a.at as date)"),
    "business_day({'business_timezone': 'Asia/Kolkata'}, 'a.at')": (
        "time",
        "cast( convert_timezone( 'UTC', 'Asia/Kolkata', least(greatest(a.at, cast('0001-01-03' as timestamp)), "
        "cast('9999-12-30' as timestamp)) ) as date )",
    ),
    "earliest_business_day({'business_timezone': 'Asia/Kolkata'}, 'a.at')": (
        "time",
        "cast(least(greatest(dateadd(day, -1, a.at), cast('0001-01-01' as timestamp)), "
        "cast('9999-12-31' as timestamp)) as date)",
    ),
    "latest_business_day({'business_timezone': 'Asia/Kolkata'}, 'a.at')": (
        "time",
        "cast(least(greatest(dateadd(day, 1, a.at), cast('0001-01-01' as timestamp)), "
        "cast('9999-12-31' as timestamp)) as date)",
    ),
    "hash_key('a.name')": ("keys", "strtol(left(md5(a.name), 15), 16)"),
    "version_key('a.id', 'a.since')": (
        "keys",
        "strtol(left(md5(a.id || '|' || to_char(a.since, 'YYYY-MM-DD HH24:MI:SS.US')), 15), 16)",
    ),
    "first_version_key('a.id')": ("keys", KEY),
    "newest_rank('a.id', 'a')": (
        "versions",
        "row_number() over ( partition by a.id order by a.version_at desc, a.delivery_date desc, a.row_hash desc )",
    ),
    "newest_rank('id, day')": (
        "versions",
        "row_number() over ( partition by id, day order by version_at desc, delivery_date desc, row_hash desc )",
    ),
    "readable_day('a.at')": (
        "time",
        "cast(least(greatest(a.at, cast('0001-01-01' as timestamp)), cast('9999-12-31' as timestamp)) as date)",
    ),
    "visitor('e')": (
        "sessions",
        "case when e.visitor_id is not null then coalesce('c:' || e.customer_id, e.visitor_id) end",
    ),
    "goes_on('at', 'who', 'at, id')": (
        "sessions",
        "at < dateadd(minute, 30, lag(at) over (partition by who order by at, id))",
    ),
    "session_id('who', 'at')": (
        "sessions",
        "'d-' || md5(who || '|' || to_char(at, 'YYYY-MM-DD HH24:MI:SS.US'))",
    ),
    "valid_at('v', 'a.at')": ("versions", "a.at >= v.effective_from and a.at < v.effective_to"),
    "valid_at_end_of('v', 'a.day')": (
        "versions",
        "dateadd(day, 1, a.day) > v.effective_from and dateadd(day, 1, a.day) <= v.effective_to",
    ),
    "nearest_at('v', 'a.at')": (
        "versions",
        "(a.at >= v.effective_from or v.effective_from = '1900-01-01') "
        "and (a.at < v.effective_to or v.is_current)",
    ),
    "queued('agg_order')": ("queue", "select key_value from history.pending_key where entity = 'agg_order'"),
    "queued('agg_order', 'order_id')": (
        "queue",
        "select key_value as order_id from history.pending_key where entity = 'agg_order'",
    ),
    "queued('a', '', 'b')": ("queue", "select key_value from history.pending_key where entity in ('a', 'b')"),
    "span('a.day', 'sale')": (
        "bounds",
        "coalesce(min(a.day), cast('9999-12-31' as date)) as first_sale, "
        "coalesce(max(a.day), cast('0001-01-02' as date)) as last_sale",
    ),
    "within('a.day', 'sale')": ("bounds", "a.day between '{first_sale}' and '{last_sale}'"),
    "all_days()": (
        "bounds",
        "cast('0001-01-02' as date) as first_date, cast('9999-12-31' as date) as last_date",
    ),
    "work('a')": (
        "queue",
        "select count(*) as pending_keys from history.pending_key where entity = 'a' having count(*) > 0",
    ),
    "touched_keys('web_event', 'event_id')": (
        "queue",
        "select distinct key_value as event_id from history.pending_key where entity = 'web_event'",
    ),
    "dequeue('customer')": ("queue", "delete from history.pending_key where entity = 'customer'"),
    "dequeue('a', 'b')": ("queue", "delete from history.pending_key where entity in ('a', 'b')"),
    "waits_for_merge()": ("queue", "entity not in ('agg_customer', 'agg_product', 'agg_order', 'agg_all')"),
    "count_merge()": ("queue", "update quality.warehouse_state set merge_seq = merge_seq + 1"),
    "undeclared_text('a.id')": ("distrust", "a.id || ''"),
    "undeclared_number('a.key')": ("distrust", "a.key + 0"),
    "quotient('a', 'b')": (
        "quotient",
        "cast( case when b <> 0 then case when a < 0 then -1 else 1 end * case when b < 0 then -1 else 1 end "
        "* cast((cast(cast(abs(a) as decimal(38, 4)) * 2000000 + cast(abs(b) as decimal(38, 4)) * 10000 as de"
        "cimal(38, 0)) - mod(cast(cast(abs(a) as decimal(38, 4)) * 2000000 + cast(abs(b) as decimal(38, 4)) *"
        " 10000 as decimal(38, 0)), cast(cast(abs(b) as decimal(38, 4)) * 20000 as decimal(38, 0)))) / cast(c"
        "ast(abs(b) as decimal(38, 4)) * 20000 as decimal(38, 0)) as decimal(30, 0)) * cast(0.01 as decimal(3"
        ", 2)) end as decimal(38, 2) )",
    ),
    "is_treated([], 'refunded', 'a.status')": ("statuses", "coalesce(a.status in (''), false)"),
    "canonical_status([], 'a.status')": (
        "statuses",
        "case when a.status is null then 'other' else 'other' end",
    ),
    "statement_columns('t')": (
        "statement",
        "t.gross_sales, t.discounts, t.returns, t.refunds, t.gross_sales - t.discounts - t.returns as net_sales, "
        "t.taxes, t.shipping, t.gross_sales - t.discounts - t.returns + t.taxes + t.shipping as total_sales, "
        "case when t.costed_lines > 0 then t.cost end as cost, "
        "case when t.costed_lines > 0 then t.costed_revenue - t.cost end as gross_profit_before_discount, "
        f"{quotient('100 * (t.costed_revenue - t.cost)', 't.costed_revenue')} as margin_before_discount_percent, "
        "case when t.costed_lines > 0 then t.costed_net_sales - t.cost end as gross_profit_after_discount, "
        f"{quotient('100 * (t.costed_net_sales - t.cost)', 't.costed_net_sales')} as margin_after_discount_percent",
    ),
    "each_sum('{0}')": ("statement", ", ".join(SUMS)),
    "statement_by('at', 'day', 'dates.one')": (
        "statement",
        f"with sales as ( select {', '.join(f'sum({name}) as {name}' for name in SUMS)}, at as day "
        "from analytics.agg_statement group by at ), "
        "bounds as ( select min(day) as first_period, max(day) as last_period from sales ), "
        "calendar as ( select dates.full_date as day from dimensions.dim_date as dates "
        "inner join bounds on dates.full_date between bounds.first_period and bounds.last_period where dates.one "
        "union select day from sales ), "
        f"periods as ( select {', '.join(f'coalesce(sales.{name}, 0) as {name}' for name in SUMS)}, calendar.day "
        "from calendar left join sales on calendar.day = sales.day ) "
        f"select day, orders, units_sold, {macro('statement', 'statement_columns()')}, total_revenue, "
        "gross_sales - discounts - returns as net_revenue, unsettled_orders from periods",
    ),
    "note_code()": (
        "built_by",
        "insert into quality.built_by (table_name, file_name, fingerprint, noted_at) "
        "select code.table_name, code.file_name, code.fingerprint, getdate() as noted_at "
        f"from ( {macro('fingerprints', 'fingerprints()')} ) as code",
    ),
    "floor_remainder('a', 'n')": (
        "allocation",
        "mod(a, n) + case when a < 0 and mod(a, n) <> 0 then n else 0 end",
    ),
    "allocated('w', 'l', 'r', 'n')": (
        "allocation",
        "cast( cast( w / n + case when r * n <= l then 1 else 0 end as decimal(18, 0) ) "
        "* cast(0.0001 as decimal(5, 4)) as decimal(18, 4) )",
    ),
}


def declared_macros() -> dict[str, str]:
    """The text before each macro, by name."""
    found = {}
    for file in MACROS:
        text = file.read_text("utf-8")
        for match in re.finditer(r"\{% macro (\w+)\(", text):
            found[match[1]] = text[: match.start()].rstrip()
    return found


@pytest.mark.parametrize("call", RENDERED)
def test_a_macro_renders(call: str) -> None:
    file, expected = RENDERED[call]
    assert macro(file, call) == expected


def test_sessions_are_cut_as_the_contract_says() -> None:
    sessions = CONTRACTS["web_events"].sessions
    assert sessions is not None
    steps = "".join(sql_files.statements("facts/fact_web_events/merge.sql", SQL, load=LOAD))
    assert f"coalesce('c:' || resolved_event.{sessions.customer_column}, resolved_event.visitor_id)" in steps
    assert f"case when standing.is_session_derived then standing.{sessions.session_column} end" in steps
    assert f"partition by visits.visitor order by visits.{sessions.time_column}" in " ".join(steps.split())
    macros = sql_files.environment(SQL).get_template("macros/sessions.sql").make_module()
    assert sessions.gap_minutes == macros.GAP  # type: ignore[attr-defined]


def test_every_macro_is_rendered_above_has_a_docstring_and_is_needed() -> None:
    declared = declared_macros()
    generated = {"fingerprints", "out_of_date"}  # what they give: tests/sql/test_fingerprints.py
    assert {call.partition("(")[0] for call in RENDERED} == set(declared) - generated
    assert {name for name, before in declared.items() if not before.endswith("#}")} == set(), "no docstring"
    used = "\n".join(file.read_text("utf-8") for file in FILES)
    calls = {name: len(re.findall(rf"(?<!macro )\b{name}\(", used)) for name in declared}
    assert {name for name, count in calls.items() if not count} == set()


# Tables and views ----------------------------------------------------------------------------------------------------


def columns_of(relation: Relation) -> list[str]:
    """The columns that a definition gives its table or view."""
    code = without_comments(sql_files.statements(relation.definition, SQL)[0])
    if relation.kind == "view":
        query = sqlglot.parse_one(code, read="redshift").expression
        return [select.alias_or_name for select in query.selects]
    code = re.sub(r"\)\s*(diststyle|distkey|compound|sortkey).*", ")", code, flags=re.DOTALL)
    tree = sqlglot.parse_one(code, read="redshift")
    return [column.name for column in tree.find_all(exp.ColumnDef)]


@pytest.mark.parametrize("relation", RELATIONS, ids=str)
def test_columns_yaml_names_exactly_the_columns(relation: Relation) -> None:
    known = relation.columns()
    assert sorted(known.columns) == sorted(columns_of(relation))
    assert known.description.endswith("."), "a sentence"


@pytest.mark.parametrize("relation", RELATIONS, ids=str)
def test_a_definition_creates_what_its_folder_is_named_after(relation: Relation) -> None:
    code = without_comments(sql_files.statements(relation.definition, SQL)[0])
    words = "create or replace view" if relation.kind == "view" else "create table if not exists"
    assert code.startswith(f"{words} {relation} "), "safe to repeat"


def test_a_folder_of_a_schema_is_a_table_or_a_view() -> None:
    folders = {
        f"{path.parent.name}.{path.name}"
        for schema in SCHEMAS
        for path in (SQL / schema).iterdir()
        if path.is_dir()
    }
    assert folders == {str(relation) for relation in RELATIONS}


def test_every_file_is_run_or_included_by_one_that_is() -> None:
    run = {
        *(relation.definition for relation in RELATIONS),
        *(file for schema in SCHEMAS for file in sql_files.merges(schema, SQL).values()),
        *(
            name_of(file)
            for pattern in ("staging/*/copy.sql", "control/*.sql", "erasure/*.sql")
            for file in SQL.glob(pattern)
        ),
        *(name_of(file) for pattern in ("maintenance/*.sql", "ddl/*/*.sql") for file in SQL.glob(pattern)),
        *(
            name_of(file)
            for pattern in (sql_files.AUDITS, sql_files.WHOLE_AUDITS)
            for file in SQL.glob(pattern)
        ),
        *(
            match[1]
            for file in SQL.glob(sql_files.AUDITS)
            if (match := re.search(r"^-- reads: (.+)$", file.read_text("utf-8"), re.MULTILINE))
        ),
        "history/replace_slices.sql",
        "analytics/refresh.sql",
    }
    included = [
        name for file in FILES for name in re.findall(r'\{% include "([^"]+)" %\}', file.read_text("utf-8"))
    ]
    assert len(included) == len(set(included)), "a step belongs to one task"
    assert not run & set(included)
    others = {name_of(file) for file in FILES if file.parent.name != "macros"} - run
    assert others == set(included)


def test_audits_have_names_of_their_own() -> None:
    names = [file.stem for pattern in (sql_files.AUDITS, sql_files.WHOLE_AUDITS) for file in SQL.glob(pattern)]
    assert sorted(names) == sorted(set(names)), "quality.audit_results knows an audit by its name"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "is missing"),
        ("description: [", "is no YAML"),
        ("columns: {a: b}", "must have description and columns"),
        ("{description: d., columns: {a: b}, comments: {}}", "must have description and columns"),
        ("{description: d., columns: {a: }}", "a needs a text"),
        ("{description: d., columns: {a: {from: b}}}", "a needs a text"),
        ("{description: d., columns: {a: '  '}}", "a needs a text"),
    ],
)
def test_an_unusable_columns_yaml_is_refused_with_its_place(
    tmp_path: Path, text: str | None, words: str
) -> None:
    path = tmp_path / "facts" / "one" / "columns.yaml"
    path.parent.mkdir(parents=True)
    if text is not None:
        path.write_text(text)
    with pytest.raises(SqlFileError, match=f"facts/one/columns.yaml.*{words}"):
        read_columns(path)


# Rendered SQL to read ------------------------------------------------------------------------------------------------


def test_rendered_files_are_ready_to_paste() -> None:
    texts = rendered_sql.rendered()
    assert set(texts) >= {relation.definition for relation in RELATIONS}
    assert len(texts) > 100
    for name, text in texts.items():
        assert "{{" not in text, name
        assert "{%" not in text, name


def test_a_template_is_printed_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert rendered_sql.main(["maintenance/rebuild_warehouse.sql"]) == 0
    printed = capsys.readouterr().out
    assert "from history.web_events" in printed
    assert "update quality.warehouse_state set merge_seq = merge_seq + 1;" in printed
    assert rendered_sql.main(["maintenance/nothing.sql"]) == 1
    assert "include/sql/maintenance/nothing.sql does not exist" in capsys.readouterr().err
