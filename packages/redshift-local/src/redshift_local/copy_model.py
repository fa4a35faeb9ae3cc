"""The model of a COPY: target columns, objects to load, rejected rows, errors."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


class CopyError(Exception):
    """COPY fails as Redshift says it; ``detail`` has the place."""

    def __init__(self, text: str, detail: str = "", state: str = "XX000") -> None:
        super().__init__(text)
        self.detail = detail
        self.state = state


@dataclass(frozen=True)
class Column:
    """A column of the target table."""

    name: str
    kind: str  # as format_type gives it, such as numeric(18,4)
    nullable: bool = True
    identity: bool = False

    @property
    def base(self) -> str:
        return re.sub(r"\(.*\)", "", self.kind)

    @property
    def sizes(self) -> tuple[int, ...]:
        found = re.search(r"\(([\d, ]+)\)", self.kind)
        return tuple(int(part) for part in found.group(1).split(",")) if found else ()

    @property
    def redshift_type(self) -> str:
        names = {"numeric": "DECIMAL", "character varying": "VARCHAR", "character": "CHAR", "jsonb": "SUPER"}
        name = names.get(self.base, self.base.upper())
        return f"{name}({','.join(map(str, self.sizes))})" if self.sizes else name


@dataclass(frozen=True)
class Entry:
    """One object to load."""

    bucket: str
    key: str
    mandatory: bool = True
    length: int | None = None

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass
class LoadError:
    """A row that was not taken, as SYS_LOAD_ERROR_DETAIL has it."""

    file: str
    line: int
    column: str
    kind: str
    length: str
    message: str


@dataclass
class LoadResult:
    """Counts of a load so far."""

    files: int = 0
    bytes: int = 0
    rows: int = 0
    errors: list[LoadError] = field(default_factory=list)
