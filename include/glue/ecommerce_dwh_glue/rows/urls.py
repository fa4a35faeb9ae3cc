"""URLs without what visitors put into them: SQL that keeps the place of a page and the parameters a contract allows.

The query string, the user part and the fragment of a URL carry names, addresses and tokens (``?email=…``, search words,
password resets), and mail links put addresses into paths. A column with the contract property ``urlParameters`` keeps:

* scheme, host and path; a segment of the path that holds an address, a telephone number, a parameter or a twofold
  percent-encoding becomes ``*``;
* of the query, parameters whose names the contract lists, when the value is short and plain (letters, digits,
  ``._~+-`` and single percent-encodings) and neither an address nor a number.

User part, fragment and all else go; the raw file keeps the text as delivered. No text is refused or grows, whatever it
is, so a URL that fitted its column still does. Only native expressions that Spark compiles: no Python per row, no
function with a lambda, which would take the whole projection out of code generation, and few of them, because Java
compiles no method of more than 8,000 bytes. Repetitions of groups are bounded, because Java's matcher recurses for
each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ecommerce_dwh_glue.literals import literal

# Signs that a segment or value is personal: an @ in any spelling, an equals sign, an encoding within an encoding,
# digits of other scripts.
_TELLING = (
    r"[@\uFF20\uFE6B=]|%40|%25|%26|%23|%3[bBdDfF]|%(?:[eE][fF])%(?:[bB][cC]%[aA]0|[bB]9%[aA][bB])"
    r"|[(\[]at[)\]]|(?:%3[0-9]){5}|(?:%[eE][fF]%[bB][cC]%9[0-9]){5}|[\p{Nd}&&[^0-9]]{5}"
)
_APART = r"(?:[-._()+ ]|%20|%2[bBdDeE89]){0,3}"
_NUMBER = (
    rf"(?:(?:\+|%2[bB]|00){_APART}[0-9](?:{_APART}[0-9]){{7,14}}"
    rf"|[(]?(?:(?:00)?91{_APART}|0{_APART})?[6-9](?:{_APART}[0-9]){{9}}){_APART}"
)
# Signs of something that the steps below could change. Most URLs have none of them, and looking for single characters
# is cheap. A number is sought at the beginning of a segment only.
_SUSPECT = r"[?#&;@=%(\[]|[^\x00-\x7f]|(?:\A|[/\\])[+0-9][-._()+ 0-9]{7}"
_PLACE = r"^[^?#;&]*"
_QUERY = r"^[^?#;&]*([^#]*)"
_USER = r"^((?:[A-Za-z][A-Za-z0-9+.-]*:)?//)[^/\\]*@"
_SEGMENT = rf"(?<![^/\\])(?:[^/\\]*(?:{_TELLING})[^/\\]*|{_NUMBER}(?![^/\\]))"


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
        parameters: names of parameters to keep, compared as written; a ``*`` at the end means any ending.
        length: bytes of the column; a longer text is left alone, because its row is quarantined.

    Returns:
        SQL that is null when ``text`` is; never an empty text (``*`` when nothing is left).
    """
    place = f"regexp_extract({text}, {literal(_PLACE)}, 0)"
    place = f"regexp_replace({place}, {literal(_USER)}, '$1')"
    place = f"regexp_replace({place}, {literal(_SEGMENT)}, '*')"
    query = f"regexp_extract({text}, {literal(_QUERY)}, 1)"
    query = f"regexp_replace({query}, {literal(_unwanted_parameter(parameters))}, '')"
    query = f"regexp_replace({query}, '^[&;]', '?')"
    stripped = (
        f"case when octet_length({text}) > {length} or not {text} rlike {literal(_SUSPECT)} then {text} "
        f"else coalesce(nullif(concat({place}, {query}), ''), '*') end"
    )
    # Spark computes an expression that occurs twice once, in a Java method of its own. An expression that occurs once
    # is generated into the row's method, which then exceeds the 8,000 bytes that Java compiles.
    return f"concat({stripped}, substring({stripped}, 1, 0))"
