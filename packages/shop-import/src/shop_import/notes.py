"""What an import could not take as it stands: counted by kind, with a few places to look at."""

from __future__ import annotations

from dataclasses import dataclass, field

EXAMPLES = 3


class ImportFileError(ValueError):
    """A file or a mapping that cannot be imported; the message names file, place and what to do."""


@dataclass
class Note:
    """One kind of finding.

    Attributes:
        count: how often it was found.
        examples: the first places.
    """

    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass
class Notes:
    """Findings by their text, in the order in which they first occurred."""

    found: dict[str, Note] = field(default_factory=dict)

    def add(self, text: str, example: str = "", count: int = 1) -> None:
        """Count a finding."""
        note = self.found.setdefault(text, Note())
        note.count += count
        if example and len(note.examples) < EXAMPLES:
            note.examples.append(example)
