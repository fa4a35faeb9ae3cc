"""The bytes of a text file: decompressed, in bounded pieces; and the limits that all readers share."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from ecommerce_dwh_glue.reading.errors import FileError

BOM = codecs.BOM_UTF8
# Blanks around a field's text, which are no part of it: also those that nobody sees (no-break, zero width, BOM).
ODD_BLANKS = (
    "\v\f\u0085\u00a0\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u200c"
    "\u200d\u200e\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)
BLANKS = " \t\r\n" + ODD_BLANKS
# Bytes of text in one piece.
CHUNK = 1 << 20
# A longer line is rejected as ``row_too_long``; its beginning is kept.
MAX_ROW_BYTES = 1 << 20
# Compressed bytes that are taken at a time. What follows a gzip member is copied, and there may be thousands of them.
_PACKED = 1 << 16


def text_chunks(stream: BinaryIO, gzipped: bool) -> Iterator[bytes]:
    """The text of a file in bounded pieces.

    Raises:
        FileError: the file says it is gzip and is not, or is damaged.
    """
    if not gzipped:
        while chunk := stream.read(CHUNK):
            yield chunk
        return
    inflater = zlib.decompressobj(31)
    started, fed = False, False
    try:
        while chunk := stream.read(_PACKED):
            if not started and not chunk.startswith(b"\x1f\x8b"):
                raise FileError("is not gzip although its name ends with .gz; send it again or rename it")
            started = True
            while chunk:
                if inflater.eof:  # gzip files may be several members, one behind the other
                    inflater = zlib.decompressobj(31)
                fed = True
                text = inflater.decompress(chunk, CHUNK)
                if text:
                    yield text
                chunk = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    except zlib.error as error:
        raise FileError(f"is a damaged gzip file ({error}); send it again") from None
    if fed and not inflater.eof:
        raise FileError("is a truncated gzip file; the upload was cut off, send it again")
