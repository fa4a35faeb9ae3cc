"""From text to types, without silent nulls.

A value that is there but cannot be read, or breaks a hard rule, makes its row quarantined under the rule
``<kind>:<column>``; kinds: ``not_null``, ``unparseable``, ``non_finite``, ``out_of_range``, ``too_long``,
``below_minimum``. Rows that are broken as a whole carry their defect as the rule (``wrong_field_count``,
``invalid_utf8``, ``nul_byte``, ``row_too_long``, ``unclosed_quote``, ``malformed_quotes``, ``malformed_json``,
``json_too_deep``).

What is accepted: surrounding blanks are trimmed and an empty text is null. Integers are digits with an optional
sign; ``6.0`` is 6 (spreadsheets write it), ``6.5`` is unparseable. Decimals may use an exponent of up to three digits
and `MAX_NUMBER` characters; digits beyond the scale are rounded half up and counted. Timestamps and dates are ISO 8601,
with a blank or ``T``, with or without seconds, fraction and zone (none means UTC), or in a format that the contract
declares; nothing is guessed.

Expressions are SQL built from contract names only, never from data.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import Column, SourceContract
from ecommerce_dwh.privacy.masking import HARMLESS_NUMBER, LARGE_SIGNED, NULL_WORDS, SHAPE_LENGTH
from ecommerce_dwh_glue.rows.urls import stripped_url_sql

# With a zone, the first and last year may leave the range that everyone downstream can hold.
_ISO = (
    r"^(?!0000)(?!(0001|9999)[^:]*:.*(Z|[+-][0-9:]+)$)[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?( ?(Z|[+-][0-9]{2}(:?[0-9]{2})?))?)?$"
)
# Characters of a number; a double of all digits that it can have takes 330 or so without an exponent.
MAX_NUMBER = 400
SPARK_TYPES = {"integer": "int", "varchar": "string"}

_EXPECTED = {
    "integer": "a whole number",
    "bigint": "a whole number",
    "decimal": "a number",
    "timestamp": "a timestamp (ISO 8601 or YYYY-MM-DD HH:MM:SS)",
    "date": "a date (YYYY-MM-DD)",
    "boolean": "a boolean (true or false)",
}


def spark_type(column: Column) -> str:
    """The column's type in Spark's words."""
    return SPARK_TYPES.get(column.base_type, column.type)


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def value_sql(column: Column) -> str:
    """The typed value of the trimmed text ``x_<name>``; null when it cannot be read."""
    text, base = f"x_{column.name}", column.base_type
    if base == "varchar":
        result = f"lower({text})" if column.lower else text
        if column.url_parameters is not None:
            result = stripped_url_sql(result, column.url_parameters, column.length or 0)
        if column.synonyms:
            cases = " ".join(f"when {_literal(old)} then {_literal(new)}" for old, new in column.synonyms)
            result = f"case {result} {cases} else {result} end"
        return result
    if base in ("integer", "bigint"):
        kind = SPARK_TYPES.get(base, base)
        whole = f"try_cast(substring_index({text}, '.', 1) as {kind})"
        return (
            f"coalesce(try_cast({text} as {kind}), "
            f"case when {text} rlike '^[+-]?[0-9]+[.]0*$' then {whole} end)"
        )
    if base == "decimal":
        # Java reads digits of other scripts as well; what is not ASCII is no number here.
        ascii_only = f"octet_length({text}) = length({text})"
        return f"case when {ascii_only} and {_judged_quickly(text)} then try_cast({text} as {column.type}) end"
    if base == "boolean":
        return f"try_cast({text} as boolean)"
    iso = (
        f"case when {text} rlike {_literal(_ISO)} "
        rf"then try_cast(regexp_replace({text}, '([0-9]) ([Z+-])', '$1$2') as timestamp) end"
    )
    tries = [iso, *(f"try_to_timestamp({text}, {_literal(pattern)})" for pattern in column.formats)]
    stamp = f"coalesce({', '.join(tries)})" if column.formats else iso
    return f"cast({stamp} as date)" if base == "date" else stamp


def _judged_quickly(text: str) -> str:
    """SQL that is true for spellings of which a decimal is made in constant time.

    To round 1e-300000000, a number of 300 million digits would be computed; to read a million digits takes seconds. Six
    characters are too few for either, and most amounts have no more.
    """
    exponent = f"(instr(lower({text}), 'e') = 0 or {text} rlike '[eE][+-]?[0-9]{{1,3}}$')"
    return f"(length({text}) <= 6 or (length({text}) <= {MAX_NUMBER} and {exponent}))"


def _rule_sql(column: Column) -> str | None:
    """SQL that names the rule a column breaks, or is null; None when the column can break none."""
    name, text, value, base = column.name, f"x_{column.name}", f"`{column.name}`", column.base_type
    cases = []
    if base == "varchar":
        cases.append((f"octet_length({text}) > {column.length}", "too_long"))
    else:
        unreadable = f"{text} is not null and {value} is null"
        if base == "decimal":
            number = f"try_cast({text} as double)"
            cases += [
                (f"{unreadable} and lower({text}) rlike '^[+-]?(nan|inf|infinity)$'", "non_finite"),
                (
                    f"{unreadable} and octet_length({text}) = length({text}) and {number} is not null "
                    f"and not {text} rlike '[dDfF]$'",
                    "out_of_range",
                ),
            ]
        elif base in ("integer", "bigint"):
            cases += [
                (f"{unreadable} and lower({text}) rlike '^[+-]?(nan|inf|infinity)$'", "non_finite"),
                (f"{unreadable} and {text} rlike '^[+-]?[0-9]+([.]0*)?$'", "out_of_range"),
            ]
        cases.append((unreadable, "unparseable"))
    if column.minimum is not None:
        cases.append((f"{value} < {column.minimum}", "below_minimum"))
    if column.required:
        cases.append((f"{text} is null", "not_null"))
    if not cases:
        return None
    return "case " + " ".join(f"when {test} then '{kind}:{name}'" for test, kind in cases) + " end"


def _bad_sql(column: Column) -> str:
    """A cheap test that is true for every row that `_rule_sql` names, and may be null."""
    text, value = f"x_{column.name}", f"`{column.name}`"
    tests = []
    if column.base_type == "varchar":
        tests.append(f"octet_length({text}) > {column.length}")
    elif not column.required:
        tests.append(f"({text} is not null and {value} is null)")
    if column.required:
        tests.append(f"{value} is null")
    if column.minimum is not None:
        tests.append(f"{value} < {column.minimum}")
    return " or ".join(f"coalesce({test}, false)" for test in tests)


def shown_sql(text: str) -> str:
    """`ecommerce_dwh.privacy.shown_value` in SQL: a harmless value in quotation marks, of others length and form.

    The rows of a file with a column too many or too few have names and addresses where numbers and dates belong, so
    the column alone does not say whether a value may be shown.

    Args:
        text: SQL of the value; not null.
    """
    words = ", ".join(map(_literal, NULL_WORDS))
    number = _literal(rf"\A({HARMLESS_NUMBER}|{LARGE_SIGNED})\z")
    form = f"left({text}, {SHAPE_LENGTH})"
    for pattern, sign in (
        (r"[\p{L}\p{M}&&[^\p{Lu}\p{Lt}]]", "a"),
        (r"[\p{Lu}\p{Lt}]", "A"),
        (r"\p{N}", "#"),
        ("[^ -?A-~]", "?"),
    ):
        form = f"regexp_replace({form}, {_literal(pattern)}, '{sign}')"
    size = f"char_length({text})"
    return (
        f"case when lower({text}) in ({words}) or {text} rlike {number} then concat('\\'', {text}, '\\'') "
        f"else concat('a text of ', {size}, if({size} = 1, ' character (', ' characters ('), {form}, "
        f"if({size} > {SHAPE_LENGTH}, '…', ''), ')') end"
    )


def _rejected_sql(contract: SourceContract) -> str:
    """The value for which a row was rejected; null where the rule is not about a value or the column is personal."""
    pairs = [
        f"'{column.name}', {'string(null)' if column.pii else f'x_{column.name}'}"
        for column in contract.columns
    ]
    value = f"element_at(map({', '.join(pairs)}), substring_index(rule, ':', -1))"
    return f"case when instr(rule, ':') > 0 then {value} end"


def _message_sql(contract: SourceContract) -> str:
    """Words for the row's rule. Maps keep the expression small: its size is paid on every start of a job.

    What the message shows of the value is column ``shown``, null where nothing may be shown.
    """
    pairs: dict[str, list[str]] = {"size": [], "type": [], "expected": []}
    for column in contract.columns:
        if column.length:
            pairs["size"].append(f"'{column.name}', octet_length(x_{column.name})")
        pairs["type"].append(f"'{column.name}', '{column.type}'")
        pairs["expected"].append(f"'{column.name}', '{_EXPECTED.get(column.base_type, '')}'")
    name = "substring_index(rule, ':', -1)"
    size, kind, expected = (f"element_at(map({', '.join(entries)}), {name})" for entries in pairs.values())
    text = "coalesce(shown, 'a value')"
    minimum = " ".join(
        f"when '{column.name}' then '{column.minimum}'"
        for column in contract.columns
        if column.minimum is not None
    )
    words = {
        "not_null": "' is empty, a value is required'",
        "too_long": f"concat(' has ', {size}, ' bytes, ', {kind}, ' allows fewer')",
        "unparseable": f"concat(': ', {text}, ' is not ', {expected})",
        "non_finite": f"concat(': ', {text}, ' is not a finite number')",
        "out_of_range": f"concat(': ', {text}, ' does not fit ', {kind})",
    }
    if minimum:
        words["below_minimum"] = f"concat(': ', {text}, ' is below ', case {name} {minimum} end)"
    by_kind = " ".join(f"when '{kind}' then {sql}" for kind, sql in words.items())
    whole = {
        "wrong_field_count": "the number of fields differs from the header",
        "invalid_utf8": "the row is not UTF-8 text",
        "nul_byte": "the row holds a NUL byte",
        "row_too_long": "the row is longer than 1 MiB; its beginning is kept",
        "unclosed_quote": "a quoted field does not end",
        "malformed_quotes": "text follows a closing quote",
        "malformed_json": "the line is not one JSON object with unique members",
        "json_too_deep": "the line nests values deeper than the limit depth of raw_limits",
    }
    defects = " ".join(f"when '{name}' then '{text}'" for name, text in whole.items())
    return (
        f"case when instr(rule, ':') = 0 then case rule {defects} end "
        f"else concat({name}, case substring_index(rule, ':', 1) {by_kind} end) end"
    )


def amount_sql(contract: SourceContract) -> str:
    """The amount for which the ledger accounts, 0 where it cannot be read."""
    if not contract.amount:
        return "cast(0 as decimal(38,4))"
    total, *factors = contract.amount
    parts = [f"cast(`{total}` as decimal(38,4))"]
    if factors:
        parts.append(f"cast(`{factors[0]}` * `{factors[1]}` as decimal(38,4))")
    return f"coalesce({', '.join(parts)}, cast(0 as decimal(38,4)))"


AMOUNT_UNIT = 10**9


def amount_parts_sql(contract: SourceContract) -> tuple[str, str]:
    """`amount_sql` in ten-thousandths as two whole numbers, high × `AMOUNT_UNIT` + low, which sum without decimals.

    Sums of large decimals are many times slower than sums of integers. Below 10¹¹, the double nearest to an amount of
    four decimals is off by less than a quarter of a ten-thousandth, so rounding gives the amount exactly; whatever is
    larger, or is no decimal(…,4), takes the slow way.
    """
    if not contract.amount:
        return "0L", "0L"
    exact = f"({amount_sql(contract)} * 10000)"
    high, low = (
        f"cast({exact} {operator} cast({AMOUNT_UNIT} as decimal(10,0)) as bigint)" for operator in ("div", "%")
    )
    total = contract.column(contract.amount[0])
    if not (total.base_type == "decimal" and total.type.endswith(",4)")):
        return high, low
    value = f"`{total.name}`"
    units = f"cast(rint(cast({value} as double) * 10000) as bigint)"
    small = f"{value} > -100000000000 and {value} < 100000000000"
    return (
        f"case when {small} then {units} div {AMOUNT_UNIT} else {high} end",
        f"case when {small} then {units} % {AMOUNT_UNIT} else {low} end",
    )


def _rounded_sql(contract: SourceContract) -> str:
    tests = []
    for column in contract.columns:
        if column.base_type != "decimal":
            continue
        scale = int(column.type.rstrip(")").split(",")[1])
        text = f"x_{column.name}"
        tests.append(
            f"coalesce(instr({text}, '.') > 0 and length({text}) - instr({text}, '.') > {scale} "
            f"and `{column.name}` is not null and try_cast({text} as decimal(38,18)) <> `{column.name}`, false)"
        )
    return " or ".join(tests) or "false"


def type_rows(rows: DataFrame, contract: SourceContract) -> DataFrame:
    """Type the rows of text that `reading.read_source` gave.

    Args:
        rows: rows of text.
        contract: the source's contract.

    Returns:
        `good_columns`, typed, null where unreadable; ``key_hash``, a 64-bit hash of the row's identity (`identity`);
        ``rounded`` (a value lost digits); ``suspect``, for every row that breaks a rule what `judge_rows` must know
        of it (``raw_text``, ``defect``, trimmed texts as ``x_<column>``), null for others.
    """
    names = [column.name for column in contract.columns]
    dated = rows.select(
        "*",
        # By bytes: up to here a key is ASCII, and this happens for every row.
        F.expr(
            f"cast(cast(substring(cast(source_file as binary), {len(contract.name) + 5}, 10) as string) as date)"
        ).alias("delivery_date"),
    )
    typed = dated.select("*", *(F.expr(value_sql(column)).alias(column.name) for column in contract.columns))
    derived = [
        # Long spellings are quarantined by the column itself, so the delivered text always fits.
        F.col(f"x_{column.derivation[4:]}").alias(column.name)
        for column in contract.derived_columns
        if column.derivation.startswith("raw:")
    ]
    # What a cast to a timestamp gives in UTC, without asking the calendar for every row.
    day = "timestamp_micros(unix_date(delivery_date) * 86400000000L)"
    version = f"coalesce(`{contract.version_column}`, {day})" if contract.version_column else day
    bad = " or ".join(["defect is not null", *filter(None, map(_bad_sql, contract.columns))])
    # One column, so that keeping it costs nothing where it is null.
    texts = F.struct("raw_text", "defect", *(f"x_{name}" for name in names))
    return typed.select("*", *derived, F.expr(version).alias("version_at")).select(
        *good_columns(contract),
        F.xxhash64(*identity(contract)).alias("key_hash"),
        F.expr(_rounded_sql(contract)).alias("rounded"),
        F.when(F.expr(bad), texts).alias("suspect"),
    )


def identity(contract: SourceContract) -> list[str]:
    """Columns of which a day keeps one row per value."""
    extra = ["version_at"] if contract.history == "scd2" else []
    return ["delivery_date", contract.key, *extra]


def good_columns(contract: SourceContract) -> list[str]:
    """Columns of an accepted row that follow from it alone; ``row_hash`` and ``run_id`` are added later."""
    derived = [column.name for column in contract.derived_columns if column.derivation.startswith("raw:")]
    columns = [column.name for column in contract.columns]
    return ["delivery_date", *columns, *derived, "version_at", "source_file", "source_line"]


def judge_rows(typed: DataFrame, contract: SourceContract) -> DataFrame:
    """Name the rule that each row breaks.

    Args:
        typed: rows that `type_rows` gave.
        contract: the source's contract.

    Returns:
        `good_columns`, ``rule``, ``message`` and ``raw_text`` (null for good rows), ``rounded``.
    """
    rules = ", ".join(rule for column in contract.columns if (rule := _rule_sql(column)))
    judged = typed.select("*", "suspect.*").withColumn(
        "rule", F.expr(f"case when suspect is not null then coalesce(defect, {rules}) end")
    )
    shown = judged.withColumn("rejected", F.expr(_rejected_sql(contract))).withColumn(
        "shown", F.expr(f"case when rejected is not null then {shown_sql('rejected')} end")
    )
    return shown.select(
        *good_columns(contract),
        "rule",
        F.expr(f"case when rule is not null then {_message_sql(contract)} end").alias("message"),
        F.expr("case when rule is not null then left(raw_text, 65536) end").alias("raw_text"),
        "rounded",
    )


def row_hash_sql(contract: SourceContract) -> str:
    """md5 over the content: canonical texts of all columns but the key and the version, NUL between them.

    No text holds a NUL and no present text is empty, so two contents are equal exactly when these texts are.
    """
    texts = ", ".join(
        f"coalesce(cast(`{column.name}` as string), '')"
        for column in contract.columns
        if column.name not in (contract.key, contract.version_column)
    )
    return f"md5(cast(concat_ws('\\0', {texts}) as binary))"
