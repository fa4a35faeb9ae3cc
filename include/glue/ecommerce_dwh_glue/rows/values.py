"""SQL that reads a text as a value of a column's type; null where it cannot be read.

Surrounding blanks are trimmed before, and an empty text is null. Integers are digits with an optional sign; ``6.0`` is
6 (spreadsheets write it), ``6.5`` is unparseable. Decimals may use an exponent of up to three digits and `MAX_NUMBER`
characters; digits beyond the scale are rounded half up and counted. Timestamps and dates are ISO 8601, with a blank or
``T``, with or without seconds, fraction and zone (none means UTC), or in a format that the contract declares; nothing
is guessed.

Expressions are SQL built from contract names only, never from data.
"""

from __future__ import annotations

from ecommerce_dwh.contracts import Column, SourceContract
from ecommerce_dwh_glue.literals import literal
from ecommerce_dwh_glue.rows.urls import stripped_url_sql

# With a zone, the first and last year may leave the range that everyone downstream can hold.
_ISO = (
    r"^(?!0000)(?!(0001|9999)[^:]*:.*(Z|[+-][0-9:]+)$)[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?( ?(Z|[+-][0-9]{2}(:?[0-9]{2})?))?)?$"
)
# Characters of a number; a double of all digits that it can have takes 330 or so without an exponent.
MAX_NUMBER = 400


def spark_type(column: Column) -> str:
    """The column's type as Spark spells it."""
    return column.kind.spark or column.type


def columns_schema(contract: SourceContract) -> str:
    """The schema of accepted Parquet files, as Spark reads it."""
    return ", ".join(f"`{column.name}` {spark_type(column)}" for column in contract.accepted_columns)


def value_sql(column: Column) -> str:
    """The typed value of the trimmed text ``x_<name>``; null when it cannot be read."""
    text, base = f"x_{column.name}", column.base_type
    if base == "varchar":
        result = f"lower({text})" if column.lower else text
        if column.key_format == "digits":
            result = f"regexp_extract({result}, '^(-?[0-9]+)([.]0+)?$', 1)"
            return f"nullif({result}, '')"
        if column.url_parameters is not None:
            result = stripped_url_sql(result, column.url_parameters, column.length or 0)
        if column.synonyms:
            cases = " ".join(f"when {literal(old)} then {literal(new)}" for old, new in column.synonyms)
            result = f"case {result} {cases} else {result} end"
        return result
    if base in ("integer", "bigint"):
        kind = spark_type(column)
        whole = f"try_cast(substring_index({text}, '.', 1) as {kind})"
        return (
            f"coalesce(try_cast({text} as {kind}), "
            f"case when {text} rlike '^[+-]?[0-9]+[.]0*$' then {whole} end)"
        )
    if base == "decimal":
        # Java reads digits of other scripts as well; a text that is not ASCII is no number here.
        ascii_only = f"octet_length({text}) = length({text})"
        return f"case when {ascii_only} and {_judged_quickly(text)} then try_cast({text} as {column.type}) end"
    if base == "boolean":
        return f"try_cast({text} as boolean)"
    iso = (
        f"case when {text} rlike {literal(_ISO)} "
        rf"then try_cast(regexp_replace({text}, '([0-9]) ([Z+-])', '$1$2') as timestamp) end"
    )
    tries = [iso, *(f"try_to_timestamp({text}, {literal(pattern)})" for pattern in column.formats)]
    stamp = f"coalesce({', '.join(tries)})" if column.formats else iso
    return f"cast({stamp} as date)" if base == "date" else stamp


def _judged_quickly(text: str) -> str:
    """SQL that is true for spellings that are read as a decimal in constant time.

    To round 1e-300000000, a number of 300 million digits would be computed; to read a million digits takes seconds. Six
    characters are too few for either, and most amounts have no more.
    """
    exponent = f"(instr(lower({text}), 'e') = 0 or {text} rlike '[eE][+-]?[0-9]{{1,3}}$')"
    return f"(length({text}) <= 6 or (length({text}) <= {MAX_NUMBER} and {exponent}))"


def rounded_sql(contract: SourceContract) -> str:
    """SQL that is true for rows of which a decimal lost digits."""
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
