"""SQL of the sentence that a quarantined row carries about its rule, with no more of the value than may be shown."""

from __future__ import annotations

from ecommerce_dwh.contracts import Column, SourceContract
from ecommerce_dwh.privacy.masking import HARMLESS_NUMBER, LARGE_SIGNED, NULL_WORDS, SHAPE_LENGTH
from ecommerce_dwh_glue.literals import literal


def shown_sql(text: str) -> str:
    """`ecommerce_dwh.privacy.masking.shown_value` in SQL: harmless values in quotation marks, others by their form.

    The rows of a file with a column too many or too few have names and addresses where numbers and dates belong, so
    the column alone does not say whether a value may be shown.

    Args:
        text: SQL of the value; not null.
    """
    words = ", ".join(map(literal, NULL_WORDS))
    number = literal(rf"\A({HARMLESS_NUMBER}|{LARGE_SIGNED})\z")
    form = f"left({text}, {SHAPE_LENGTH})"
    for pattern, sign in (
        (r"[\p{L}\p{M}&&[^\p{Lu}\p{Lt}]]", "a"),
        (r"[\p{Lu}\p{Lt}]", "A"),
        (r"\p{N}", "#"),
        ("[^ -?A-~]", "?"),
    ):
        form = f"regexp_replace({form}, {literal(pattern)}, '{sign}')"
    size = f"char_length({text})"
    return (
        f"case when lower({text}) in ({words}) or {text} rlike {number} then concat('\\'', {text}, '\\'') "
        f"else concat('a text of ', {size}, if({size} = 1, ' character (', ' characters ('), {form}, "
        f"if({size} > {SHAPE_LENGTH}, '…', ''), ')') end"
    )


def rejected_sql(contract: SourceContract) -> str:
    """The value for which a row was rejected; null where the rule is not about a value or the column is personal."""
    pairs = [f"'{column.name}', {_delivered(column, contract)}" for column in contract.columns]
    value = f"element_at(map({', '.join(pairs)}), substring_index(rule, ':', -1))"
    return f"case when instr(rule, ':') > 0 then {value} end"


def _product(contract: SourceContract) -> str:
    """SQL, with a comma behind it, of the words before a value that is a product of two columns."""
    if len(contract.amount) < 3:
        return ""
    total, one, other = contract.amount
    return f"if(rule = 'out_of_range:{total}' and x_{total} is null, '{one} × {other}, ', ''), "


def _delivered(column: Column, contract: SourceContract) -> str:
    """SQL of a column's text as delivered; of an amount that is left out, the product that stands for it."""
    if column.pii:
        return "string(null)"
    if len(contract.amount) == 3 and column.name == contract.amount[0]:
        _, one, other = contract.amount
        return f"coalesce(x_{column.name}, concat(x_{one}, ' * ', x_{other}))"
    return f"x_{column.name}"


def message_sql(contract: SourceContract) -> str:
    """Words for the row's rule. Maps keep the expression small: its size is paid on every start of a job.

    What the message shows of the value is column ``shown``, null where nothing may be shown.
    """
    pairs: dict[str, list[str]] = {"size": [], "type": [], "expected": []}
    for column in contract.columns:
        if column.length:
            pairs["size"].append(f"'{column.name}', octet_length(x_{column.name})")
        pairs["type"].append(f"'{column.name}', '{column.type}'")
        pairs["expected"].append(f"'{column.name}', '{column.kind.expected}'")
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
        "out_of_range": f"concat(': ', {_product(contract)}{text}, ' does not fit ', {kind})",
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
        "repeated_header": "the row repeats the header: the file was put together of several",
        "json_too_deep": "the line nests values deeper than the limit depth of raw_limits",
    }
    defects = " ".join(f"when '{name}' then '{text}'" for name, text in whole.items())
    return (
        f"case when instr(rule, ':') = 0 then case rule {defects} end "
        f"else concat({name}, case substring_index(rule, ':', 1) {by_kind} end) end"
    )
