"""An object of the store as a file that is read where it is asked for, for readers of Parquet footers."""

from __future__ import annotations

import io
from collections.abc import Callable


class RangedFile(io.RawIOBase):
    """An object of the store as a file that is read where it is asked for; its end is kept, since footers lie there.

    Args:
        read: reads ``length`` bytes from ``start``.
        size: bytes of the object.
        tail: the object's last bytes.
    """

    def __init__(self, read: Callable[[int, int], bytes], size: int, tail: bytes) -> None:
        self._read, self._size, self._tail = read, size, tail
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._position)
        length = left if size < 0 else min(size, left)
        if not length:
            return b""
        begin = self._position - (self._size - len(self._tail))
        found = self._tail[begin : begin + length] if begin >= 0 else self._read(self._position, length)
        self._position += len(found)
        return found
