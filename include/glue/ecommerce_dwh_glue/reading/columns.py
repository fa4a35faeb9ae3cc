"""Spark expressions that all readers share: the key of a row's file, trimmed text, sound UTF-8."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh_glue.literals import literal
from ecommerce_dwh_glue.reading.files import SourceFile
from ecommerce_dwh_glue.reading.text import BLANKS
from ecommerce_dwh_glue.storage import Storage

_PLAIN_KEY = re.compile(r"[A-Za-z0-9._=/-]+")


def text_columns(contract: SourceContract) -> list[str]:
    """Names of the text columns that reading gives and casting takes."""
    return [f"x_{column.name}" for column in contract.columns]


def trimmed(text: Column, odd_blanks: bool, null_words: Sequence[str] = ()) -> Column:
    """Text without `BLANKS` around it, null when nothing is left, or one of the contract's words for null.

    Trimming a set of characters is slow in Spark, and hardly any file has other blanks than spaces; the same holds for
    words. The survey of the file says whether they are worth looking for.
    """
    value = F.nullif(F.btrim(text, F.lit(BLANKS)) if odd_blanks else F.trim(text), F.lit(""))
    return F.when(~value.isin(*null_words), value) if null_words else value


def file_key(storage: Storage, bucket: str, files: Sequence[SourceFile]) -> Column:
    """Key of the file within the bucket: what follows the bucket in its path."""
    path = "_metadata.file_path"
    depths = {file.key.count("/") for file in files}
    lengths = {len(file.key) for file in files}
    if all(_PLAIN_KEY.fullmatch(file.key) for file in files):
        if len(lengths) == 1:  # taken by bytes: that this happens for every row shows
            length = lengths.pop()
            return F.expr(f"cast(substring(cast({path} as binary), -{length}, {length}) as string)")
        if len(depths) == 1:
            return F.expr(f"substring_index({path}, '/', -{depths.pop() + 1})")
    marker = storage.url(bucket, "").split("://", 1)[-1].rstrip("/") + "/"
    key = f"substring({path}, instr({path}, {literal(marker)}) + {len(marker)})"
    # Spark gives the path as a URI; keys with blanks or percent signs come back escaped.
    return F.expr(f"case when instr({key}, '%') > 0 then url_decode(replace({key}, '+', '%2B')) else {key} end")


def is_utf8(text: Column) -> Column:
    """Whether a text read from a file is valid UTF-8; Spark keeps the file's bytes as they are."""
    if hasattr(F, "is_valid_utf8"):  # Spark 4, whose decode() fails on such bytes instead of replacing them
        return F.is_valid_utf8(text)
    return F.decode(text.cast("binary"), "UTF-8") == text


def as_utf8(text: Column) -> Column:
    """A text read from a file, with U+FFFD in the place of bytes that are no UTF-8."""
    if hasattr(F, "make_valid_utf8"):
        return F.make_valid_utf8(text)
    return F.decode(text.cast("binary"), "UTF-8")
