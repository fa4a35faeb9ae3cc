"""Files that only this process's user can read: data, logs and passwords."""

from __future__ import annotations

import os
from pathlib import Path

PRIVATE_UMASK = 0o077


def keep_private() -> None:
    """Let this process and its children write files that only their own user can read."""
    os.umask(PRIVATE_UMASK)


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner may enter, or close one that exists; parents are made with the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.mkdir(mode=0o700, exist_ok=True)
    path.chmod(0o700)
    return path
