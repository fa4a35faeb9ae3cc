"""Every SQL file is Redshift's: it parses as such and uses nothing that the documentation rules out."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import redshift_scans
import sqlglot
from harness import SQL, load_of, statements
from redshift_rules import findings
from redshift_scans import REVIEWED, all_unbounded
from redshift_types import trusted_keys

from ecommerce_dwh.warehouse.sql_text import without_comments

FILES = sorted(
    path.relative_to(SQL).as_posix()
    for path in SQL.rglob("*.sql")
    if path.relative_to(SQL).parts[0] != "macros" and path.name != "comments.sql"
)
LOAD = load_of(date(2026, 1, 1), date(2026, 1, 3))
# Their placeholders are bound by the driver; their statements are a line or two.
BOUND = {path for path in FILES if path.startswith("control/") or "%s" in (SQL / path).read_text("utf-8")}


def test_there_are_files() -> None:
    assert len(FILES) > 40


@pytest.mark.parametrize("file", [path for path in FILES if path not in BOUND])
def test_file_is_redshifts(file: str) -> None:
    text = ";\n".join(statements(file, LOAD))
    found = findings(text)
    if file.startswith("maintenance/"):  # VACUUM and its like run outside transactions there
        found = [finding for finding in found if "commits the transaction" not in finding.rule]
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize("file", sorted(BOUND))
def test_bound_file_is_redshifts(file: str) -> None:
    found = findings(";\n".join(statements(file, LOAD)).replace("%s", "1"))
    assert not found, "\n".join(map(str, found))


BROKEN = {
    "create index i on t (a)": "indexes do not exist",
    "create table t (a jsonb)": "type that Redshift lacks",
    "create table t (a varchar)": "256 bytes",
    "create table t (a text)": "256 bytes",
    "create table t (a decimal(39, 2))": "38 digits",
    "create table t (a varchar(70000))": "65535",
    "create table t (tag varchar(10))": "reserved",
    "create table t (a int, check (a > 0))": "CHECK",
    "create table t (a int) distkey (a) distkey (a)": "one distribution key",
    "create temp table t on commit drop as select 1 as a": "ON COMMIT",
    "create temp table x as select * from y": "SELECT *",
    "insert into t (a) select * from s": "SELECT *",
    "insert into t select a from s": "names its columns",
    "insert into t values (1)": "names its columns",
    "insert into t (a) values (1) on conflict do nothing": "ON CONFLICT",
    "insert into t (a) values (1) returning a": "RETURNING",
    "select string_agg(a, ',') as b from t": "function that Redshift lacks",
    "select generate_series(1, 3) as n": "function that Redshift lacks",
    "select now() as n": "function that Redshift lacks",
    "select a from t where a is distinct from b": "DISTINCT FROM",
    "select a from t union distinct select a from s": "UNION",
    "select a from t except all select a from s": "UNION",
    "select a from (values (1), (2)) as v (a)": "VALUES",
    "select sum(a) over (order by b) as s from t": "frame clause",
    "select last_value(a) over (partition by c order by b) as s from t": "frame clause",
    "select row_number() over (order by b rows unbounded preceding) as s from t": "takes no frame",
    "select sum(a) over (order by b range between unbounded preceding and current row) as s from t": "ROWS only",
    "select count(distinct a) over (partition by b) as s from t": "DISTINCT",
    "select sum(a) filter (where b) as s from t": "FILTER",
    "select a from t where exists (select 1 from s where s.a = t.a) or exists (select 1 from u where u.a = t.a)": "OR",
    "select t.a from t left join s on t.a = s.a and s.b = (select max(u.b) from u where u.a = t.a)": "join's condition",
    "select a from t where not exists (select 1 from s where not exists (select 1 from u where u.a = t.a))": "next",
    "select a from t where b = (select max(s.b) over () from s where s.a = t.a)": "window function",
    "select a from t where b = (select s.b from s where s.a = t.a limit 1)": "LIMIT",
    "select a from t where a not in (select a from s)": "null",
    "select a as minus from t": "reserved",
    "select a from t as snapshot": "reserved",
    "select a from t for update": "FOR UPDATE",
    "select a from t, lateral (select 1) as x": "LATERAL",
    "select array[1, 2] as a": "ARRAY",
    "select a::timestamptz as b from t": "time zone",
    "select current_timestamp as t": "time zone",
    "delete from t using (select a from s) as x where t.a = x.a": "no subquery",
    "delete from facts.t where facts.t.a = 1": "ambiguous",
    "update t set a = s.a from s left join u on s.a = u.a where t.a = s.a": "outer join",
    "merge into t as x using s on x.a = s.a when matched then delete "
    "when not matched then insert (a) values (s.a)": "alias",
    "merge into t using s on t.a = s.a when matched and s.b then delete "
    "when not matched then insert (a) values (s.a)": "takes no condition",
    "merge into t using s on t.a = s.a when matched then delete": "exactly one",
    "merge into t using s on t.a = s.a when not matched then insert (a) values (s.a)": "exactly one",
    "merge into t using s on t.a = s.a when matched then delete when not matched by source then delete": "no condition",
    "truncate t": "commits the transaction",
    "vacuum t": "commits the transaction",
    "refresh materialized view v": "transaction of its own",
    "create materialized view v as select a from t order by a": "materialized view",
    "create materialized view v auto refresh yes as select a from t where b = current_date": "AUTO REFRESH",
    "create materialized view v as select a from t limit 5": "materialized view",
    "create materialized view v as select a from t offset 5": "materialized view",
    "create materialized view v auto refresh yes as select getdate() as a from t": "AUTO REFRESH",
    "create materialized view v as select a from stl_query": "materialized view",
    "create materialized view v as select a from t join #t on b = c": "materialized view",
    "create materialized view v as select current_schema() as a from t": "materialized view",
    f"create table t ({'é' * 64} int)": "127 bytes",
    "with s as (select 1 as a) merge into t using s on t.a = s.a when matched then delete "
    "when not matched then insert (a) values (s.a)": "no WITH",
    "copy t from 's3://b/k' iam_role default format as parquet region 'x'": "COPY of Parquet",
    "copy t from 's3://b/k' iam_role default format as parquet maxerror 5": "COPY of Parquet",
    "copy t from 's3://b/k' access_key_id 'a' secret_access_key 'b' format as parquet": "secrets",
    f"select 1 as {'a' * 128}": "127 bytes",
    "savepoint s": "savepoints",
    # Functions are allowed by the guide's index, not denied by a list.
    "select no_such_function(a) as b from t": "index does not list",
    "select make_date(2026, 1, 1) as d": "index does not list",
    "select array_position(a, 1) as p from t": "index does not list",
    "select to_json(a) as j from t": "index does not list",
    "select regexp_split_to_table(a, ',') as p from t": "index does not list",
    "select ascii(a) as c from t": "index does not list",
    "select age(a, b) as c from t": "index does not list",
    "select concat_ws(',', a, b) as c from t": "index does not list",
    "select encode(sha256(a), 'hex') as h from t": "index does not list",
    "select row_to_json(t) as j from t": "index does not list",
    "select starts_with(a, 'x') as s from t": "index does not list",
    "select bool_xor(a) as s from t": "index does not list",
    "select current_schema() as s, count(*) as n from facts.fact_sales": "leader node",
    "select has_table_privilege(a, 'select') as p from facts.fact_sales": "leader node",
    "select s.order_id from facts.fact_sales as s inner join pg_class as c on s.order_id = c.relname": "leader node",
    "select s.order_id from facts.fact_sales as s, information_schema.columns as c": "leader node",
    # Types, from the tables' definitions.
    "select avg(quantity) as q from facts.fact_sales": "AVG of integers",
    "select order_id, avg(cast(quantity as bigint)) as q from facts.fact_sales group by 1": "AVG of integers",
    "with s as (select units as u from facts.agg_product_day) select avg(u) as a from s": "AVG of integers",
    "select cast(is_revenue as varchar(5)) as r from facts.fact_sales": "BOOLEAN cannot be cast",
    "select max(is_return) as r from facts.fact_sales": "takes no BOOLEAN",
    "select min(is_return) as r from facts.fact_sales": "takes no BOOLEAN",
    "select cast(a as decimal) as d from t": "DECIMAL without precision",
    "select cast(a as numeric) + 1 as d from t": "DECIMAL without precision",
    "select cast(a as varchar) as d from t": "256 bytes",
    "select a::text as d from t": "256 bytes",
    "select cast(a as char(3)) as d from t": "padded",
    "select round(100 * a / b, 2) as r from t": "rounds twice",
    "select round(cast(a as decimal(38, 4)) / nullif(b, 0), 2) as r from t": "rounds twice",
    "select concat(a, b, c) as d from t": "CONCAT takes two",
    # Transactions.
    "delete from t; lock table t": "LOCK comes first",
    "create temp table x as select 1 as a; lock table t; delete from t": "LOCK comes first",
    "alter table t alter column a type varchar(300)": "ALTER COLUMN TYPE",
    "alter table t alter sortkey (a)": "ALTER SORTKEY",
    "alter table t alter distkey a": "ALTER SORTKEY",
    "alter table t alter column a encode zstd": "ALTER ENCODE",
    "create external table s.t (a int)": "external",
    "drop library l": "LIBRARY",
    "create database d": "commits the transaction",
    "alter table t append from s": "commits the transaction",
    "alter table t add column a int, add column b int": "adds one column",
    "alter table t add column a int not null": "needs a default",
    # Slices.
    "select ntile(5) over (partition by case when a > 0 then 1 else 0 end order by b) as n from t": "few values",
    "select rank() over (partition by a > 0 order by b) as n from t": "few values",
    "select sum(a) over (partition by a is null) as n from t": "few values",
    "select row_number() over (partition by 1 order by b) as n from t": "few values",
    "select rank() over (order by line_total) as r from facts.fact_sales": "one slice",
    "select rank() over (order by lifetime_value) as r from analytics.agg_customer": "one slice",
    "select count(*) over () as n from history.orders": "one slice",
    # Clauses.
    "insert into t (a) select a from s order by a": "INSERT … ORDER BY",
    "select distinct on (a) a, b from t order by a": "DISTINCT ON",
    "select count(distinct a, b) as n from t": "one expression",
    "create table if not exists t as select 1 as a": "IF NOT EXISTS",
    "create or replace table t as select 1 as a": "OR REPLACE",
    "create table t (az64 int)": "reserved",
    "select a as unnest from t": "reserved",
    "create table t (binary int)": "reserved",
    "select 1 +": "sqlglot cannot read",
}
SOUND = (
    "create table if not exists t (a varchar(64) not null, b decimal(38, 4), primary key (a)) distkey (a) sortkey (b)",
    "create temp table t distkey (a) as select a from s",
    "insert into t (a) with x as (select a from s) select a from x",
    "insert into t (a) values (1)",
    "select sum(a) over (partition by b) as s from t",
    "select sum(a) over (partition by b order by c rows between unbounded preceding and current row) as s from t",
    "select row_number() over (partition by b order by c desc) as n, lag(a) over (order by c) as p from t",
    "select a from t where not exists (select 1 from s where s.a = t.a)",
    "select a from t where exists (select 1 from s where s.a = t.a) and (b = 1 or c = 2)",
    "select a from t where a in (select key_value from s where entity = 'x') or a is null",
    "select a from t union select a from s",
    "select a from t except select a from s",
    "delete from facts.t using s where t.a = s.a",
    "update t set a = s.a from s where t.b = s.b",
    "update t set a = (select max(s.a) from s)",
    "select 'create index, union distinct, now()' as text",
    "select datediff(day, a, b) as d, dateadd(day, 1, a) as e, getdate() as f, strtol(left(md5(a), 15), 16) from t",
    "select listagg(a, ',') within group (order by a) as l from t",
    "merge into t using s on t.a = s.a when matched then update set b = s.b "
    "when not matched then insert (a) values (s.a)",
    "copy t (a) from 's3://b/k' iam_role default format as parquet manifest",
    "lock table t",
    "lock table t; delete from t; insert into t (a) select a from s",
    "select avg(line_total) as a, avg(cast(quantity as decimal(18, 4))) as q from facts.fact_sales",
    "select case when is_revenue then 'y' end as r, bool_or(is_return) as b from facts.fact_sales group by 1",
    "select rank() over (partition by category_name order by total_revenue desc) as r from analytics.agg_product",
    "select sum(n) over () as s from (select order_date, count(*) as n from facts.fact_sales group by order_date) as d",
    "select round(a, 2) as r, round(sum(b), 2) as s from t",
    "select nvl(a, b) as n, len(c) as l, charindex('x', c) as p, convert_timezone('UTC', d) as z from t",
    "select json_extract_path_text(a, 'b') as j, sha2(a, 256) as h from t",
    "alter table t add column a int default 0",
    "select current_schema() as s",
    "grant select on t to role r",
)


@pytest.mark.parametrize("sql", BROKEN)
def test_broken_rule_is_found(sql: str) -> None:
    rules = " | ".join(finding.rule for finding in findings(sql))
    assert BROKEN[sql] in rules


# From the Database Developer Guide, "Unsupported PostgreSQL data types" and "… functions".
TYPES = (
    "json",
    "jsonb",
    "uuid",
    "bytea",
    "serial",
    "bigserial",
    "money",
    "inet",
    "cidr",
    "xml",
    "hstore",
    "tsvector",
    "tsquery",
    "int4range",
    "daterange",
    "bit varying",
)
FUNCTIONS = (
    "string_agg",
    "array_agg",
    "every",
    "corr",
    "covar_pop",
    "covar_samp",
    "regr_slope",
    "clock_timestamp",
    "transaction_timestamp",
    "justify_days",
    "pg_sleep",
    "div",
    "width_bucket",
    "setseed",
    "generate_series",
    "generate_subscripts",
    "format",
    "overlay",
    "regexp_matches",
    "regexp_split_to_array",
    "convert_from",
    "convert_to",
    "nextval",
    "currval",
    "setval",
    "pg_advisory_lock",
)
COPY_OPTIONS = (
    "region 'x'",
    "maxerror 5",
    "acceptanydate",
    "truncatecolumns",
    "dateformat 'auto'",
    "timeformat 'auto'",
    "compupdate off",
    "noload",
    "delimiter ','",
    "ignoreheader 1",
    "blanksasnull",
    "emptyasnull",
    "null as ''",
    "gzip",
    "bzip2",
    "zstd",
    "escape",
    "encrypted",
    "readratio 5",
    "roundec",
    "trimblanks",
    "removequotes",
    "ignoreblanklines",
)


@pytest.mark.parametrize("kind", TYPES)
def test_type_that_redshift_lacks_is_found(kind: str) -> None:
    assert "a type that Redshift lacks" in {f.rule for f in findings(f"create table t (a {kind})")}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_that_redshift_lacks_is_found(function: str) -> None:
    found = [f.rule for f in findings(f"select {function}(a, b) as c from t")]
    assert any(rule.startswith("a function that Redshift lacks") and function in rule for rule in found)


@pytest.mark.parametrize("option", COPY_OPTIONS)
def test_option_that_copy_of_parquet_does_not_take_is_found(option: str) -> None:
    sql = f"copy t from 's3://b/k' iam_role default format as parquet {option}"
    assert "COPY of Parquet takes few options" in {f.rule for f in findings(sql)}


@pytest.mark.parametrize(
    "command", ["truncate t", "refresh materialized view v", "vacuum t", "commit", "begin"]
)
def test_what_leaves_the_transaction_is_found(command: str) -> None:
    assert any("transaction" in f.rule for f in findings(f"delete from t; {command}; delete from s"))


# Short forms that sqlglot does not know, or keeps unread as a command.
_UNREAD = ("lock ", "grant ", "vacuum", "analyze ", "create role ")


@pytest.mark.parametrize("file", [path for path in FILES if path not in BOUND])
def test_file_parses_as_redshift(file: str) -> None:
    for statement in statements(file, LOAD):
        code = without_comments(statement).strip()
        if not code.lower().startswith(_UNREAD):
            tree = sqlglot.parse_one(code, read="redshift")
            assert not isinstance(tree, sqlglot.exp.Command), f"sqlglot keeps this unread: {code[:200]}"


@pytest.mark.parametrize("sql", SOUND)
def test_sound_statement_passes(sql: str) -> None:
    assert findings(sql) == []


def test_comments_are_not_code(tmp_path: Path) -> None:
    assert findings("-- no truncate, no create index here\nselect 1 as one /* now() */") == []


# The scan rule ------------------------------------------------------------------------------------------------------


def test_passes_over_all_of_history_are_reviewed_and_only_shrink() -> None:
    """A new line is a pass over all of history that every daily run pays: bound it, or review and add it."""
    found = all_unbounded(LOAD)
    assert found == REVIEWED.read_text("utf-8").splitlines()


def test_unconditional_passes_are_few() -> None:
    assert len([line for line in all_unbounded(LOAD) if " if " not in line]) <= 8


def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str) -> list[str]:
    monkeypatch.setattr(redshift_scans, "statements", lambda *_: [sql])
    return [line.removeprefix("f: ") for line in redshift_scans.unbounded("f", LOAD)]


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("select a from facts.fact_sales as s where s.order_date >= '2026-01-01'", []),
        (
            "select a from facts.fact_sales where order_date between cast('2026-01-01' as date) and '2026-01-02'",
            [],
        ),
        (
            "delete from facts.fact_sales using t where fact_sales.a = t.a and order_date > '2026-01-01'",
            [],
        ),
        ("insert into facts.fact_sales (a) select a from t", []),
        ("select a from facts.fact_sales as s where s.order_id = 'O1'", ["facts.fact_sales"]),
        ("select a from facts.fact_sales as s join t on s.order_date = t.d", ["facts.fact_sales"]),
        (
            "select a from facts.fact_sales as s where s.order_date >= (select min(d) from t)",
            ["facts.fact_sales"],
        ),
        ("delete from facts.fact_sales using t where fact_sales.order_id = t.a", ["facts.fact_sales"]),
        (
            "select a from (select order_id from history.orders) as o join facts.fact_sales as s on o.a = s.a "
            "where s.order_date = '2026-01-01'",
            ["history.orders"],
        ),
        ("-- if: n\nselect a from history.orders", ["history.orders"]),
    ],
)
def test_a_pass_without_a_literal_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str, tables: list[str]
) -> None:
    assert [line.split(" ")[0] for line in scans(tmp_path, monkeypatch, sql)] == tables


KEYS = {
    "select order_item_id, count(*) from facts.fact_sales group by order_item_id having count(*) > 1": True,
    "select count(*) from facts.fact_sales group by order_item_id || '' having count(*) > 1": False,
    "select order_id, count(*) from facts.fact_sales group by order_id having count(*) > 1": False,
}


@pytest.mark.parametrize("sql", KEYS)
def test_an_audit_does_not_count_what_the_planner_trusts(sql: str) -> None:
    assert bool(list(trusted_keys(sqlglot.parse_one(sql, read="redshift")))) is KEYS[sql]


@pytest.mark.parametrize("file", [file for file in FILES if "/audits/" in file])
def test_no_audit_counts_what_the_planner_trusts(file: str) -> None:
    for statement in statements(file, LOAD):
        assert not list(trusted_keys(sqlglot.parse_one(without_comments(statement), read="redshift")))
