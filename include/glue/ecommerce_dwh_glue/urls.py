"""URLs without what visitors put into them: SQL that keeps the place of a page and the parameters a contract allows.

The query string, the user part and the fragment of a URL carry names, addresses and tokens (``?email=…``, search words,
password resets), and mail links put addresses into paths. A column with the contract property ``urlParameters`` keeps:

* scheme, host and path; a segment of the path that holds an address, a telephone number, a parameter or a twofold
  percent-encoding becomes ``*``;
* of the query, parameters whose names the contract lists, when the value is short and plain (letters, digits,
  ``._~+-`` and single percent-encodings) and neither an address nor a number.

User part, fragment and all else go; the raw file keeps the text as delivered. No text is refused or grows, whatever it
is, so a URL that fitted its column still does. Only native expressions that Spark compiles: no Python per row, and no
function with a lambda, which would take the whole projection out of code generation. Repetitions of groups are bounded,
because Java's matcher recurses for each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# Of a segment or value: an @ in any spelling, an equals sign, an encoding within an encoding, digits of other scripts.
_TELLING = (
    r"[@\uFF20\uFE6B=]|%40|%25|%26|%23|%3[bBdDfF]|%(?:[eE][fF])%(?:[bB][cC]%[aA]0|[bB]9%[aA][bB])"
    r"|[(\[]at[)\]]|(?:%3[0-9]){5}|(?:%[eE][fF]%[bB][cC]%9[0-9]){5}|[\p{Nd}&&[^0-9]]{5}"
)
_APART = r"(?:[-._()+ ]|%20|%2[bBdDeE89]){0,3}"
_NUMBER = (
    rf"(?:(?:\+|%2[bB]|00){_APART}[0-9](?:{_APART}[0-9]){{7,14}}"
    rf"|[(]?(?:(?:00)?91{_APART}|0{_APART})?[6-9](?:{_APART}[0-9]){{9}}){_APART}"
)
# Of the part before the query, what the steps below could change; most URLs have nothing of it, and looking for single
# characters is cheap. A number is sought at the beginning of a segment only.
_SUSPECT = r"[@=%(\[]|[^\x00-\x7f]|(?:\A|[/\\])[+0-9][-._()+ 0-9]{7}"
_BEFORE_QUERY = r"^[^?#;&]*"
_QUERY = r"^[^?#;&]*([^#]*)"
_USER = r"^((?:[A-Za-z][A-Za-z0-9+.-]*:)?//)[^/\\]*@"
_SEGMENT = rf"(?<![^/\\])(?:[^/\\]*(?:{_TELLING})[^/\\]*|{_NUMBER}(?![^/\\]))"


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _unwanted_parameter(parameters: Sequence[str]) -> str:
    """Pattern of a parameter, with the sign before it, that is not kept."""
    names = "|".join(
        re.escape(name.removesuffix("*")) + ("[A-Za-z0-9_.~-]{0,60}" if name.endswith("*") else "")
        for name in parameters
    )
    end = r"(?=[?&;]|\z)"
    kept = (
        rf"(?:{names})=(?!{_NUMBER}{end})(?![^?&;]*(?:{_TELLING}))[A-Za-z0-9._~+%-]{{0,100}}{end}"
        if names
        else "(?!)"
    )
    return rf"[?&;](?!{kept})[^?&;]*"


def stripped_url_sql(text: str, parameters: Sequence[str], length: int) -> str:
    """SQL of a URL without personal parts (see the module).

    Args:
        text: SQL of the URL as delivered, trimmed; may be null.
        parameters: names of parameters to keep, compared as written; a ``*`` at the end stands for any ending.
        length: bytes of the column; a longer text is left alone, because its row is quarantined.

    Returns:
        SQL that is null when ``text`` is; never an empty text (``*`` when nothing is left).
    """
    place = f"regexp_extract({text}, {_literal(_BEFORE_QUERY)}, 0)"
    query = f"regexp_extract({text}, {_literal(_QUERY)}, 1)"
    query = f"regexp_replace({query}, {_literal(_unwanted_parameter(parameters))}, '')"
    query = f"regexp_replace({query}, '^[&;]', '?')"
    has_query = " or ".join(f"contains({text}, '{sign}')" for sign in "?#&;")
    return (
        f"case when octet_length({text}) > {length} then {text} "
        f"when {has_query} then coalesce(nullif(concat({_plain_place_sql(place)}, {query}), ''), '*') "
        f"else {_plain_place_sql(text)} end"
    )


def _plain_place_sql(place: str) -> str:
    """SQL of what stands before the query, without user part and personal segments."""
    without_user = f"regexp_replace({place}, {_literal(_USER)}, '$1')"
    stripped = f"regexp_replace({without_user}, {_literal(_SEGMENT)}, '*')"
    return f"case when {place} rlike {_literal(_SUSPECT)} then {stripped} else {place} end"
