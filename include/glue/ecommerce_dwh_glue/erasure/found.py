"""The result of searching an object: rows to change, and questions that a person has to answer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from ecommerce_dwh.lake.layout import read_key
from ecommerce_dwh_glue.erasure.rows import OTHER_ROW, UNCLEAR_ROW
from ecommerce_dwh_glue.erasure.tally import Tally

UNREADABLE, OUTSIDE, FILE_NAME = "unreadable", "outside", "file_name"
# Questions, and the answers each takes.
ANSWERS: Mapping[str, tuple[str, ...]] = {
    OTHER_ROW: ("keep", "erase"),
    UNCLEAR_ROW: ("keep", "erase"),
    UNREADABLE: ("keep", "delete"),
    OUTSIDE: ("keep", "delete"),
    FILE_NAME: ("keep", "erase"),
}


@dataclass(frozen=True)
class Question:
    """A decision about an object that a person has to take.

    Attributes:
        id: names the question in the answer; the same in each run.
        kind: one of `ANSWERS`.
        rows: rows that it is about; 0 for the object as a whole.
        lines: the first of them.
        reason: why, for what cannot be read.
        answer: the answer that was given; empty for none.
    """

    id: str
    kind: str
    rows: int = 0
    lines: tuple[int, ...] = ()
    reason: str = ""
    answer: str = ""


@dataclass
class Found:
    """An object with traces of the person, or with questions about them.

    Attributes:
        bucket: ``raw`` or ``processed``.
        key: the object.
        version: version id of an older version; empty for the current one.
        rows: rows that change; 1 where an object changes as a whole.
        renamed: its name points at the person and changes.
        questions: what a person has to decide.
        tally: what was learned on the way; stays within the job.
    """

    bucket: str
    key: str
    version: str = ""
    rows: int = 0
    renamed: bool = False
    questions: tuple[Question, ...] = ()
    tally: Tally = field(default_factory=Tally)

    @property
    def changes(self) -> bool:
        """Whether there is anything to erase."""
        return bool(self.rows or self.renamed)

    @property
    def day(self) -> str:
        """Day of a raw file."""
        return read_key(self.key).day if self.bucket == "raw" else ""


def question_id(bucket: str, key: str, version: str, kind: str) -> str:
    """Name of a question: a hash, so that it reveals nothing and is the same in each run."""
    return hashlib.sha256("\0".join((bucket, key, version, kind)).encode("utf-8", "surrogatepass")).hexdigest()[
        :10
    ]
