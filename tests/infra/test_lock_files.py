"""One AWS provider for everybody: the lock files name every package that HashiCorp published of it.

`zh:` hashes are the lines of the release's SHA256SUMS, one a platform and one for the manifest
(developer.hashicorp.com/terraform/language/files/dependency-lock): with all of them, `terraform init` from the registry
works on macOS, Windows and Linux, whatever the processor, and takes no other package. `h1:` hashes are of unpacked
packages, for those who install from a folder; of the platforms that cannot be unpacked here they cannot be proven here.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest
from terraform import INFRASTRUCTURE, ROOTS, Terraform, copy_tree

# darwin, freebsd, linux, openbsd and windows on amd64, 386, arm and arm64 where they are offered, and the manifest. The
# same fifteen are in every public lock file of this version that was looked at.
_PUBLISHED = 15
_DIGEST = "078b928051eb3ce0955cea34fb27d5fad986ab579efeb4782fcd2b81ca89a22c"


def _entry(root: str) -> tuple[str, list[str], list[str]]:
    text = (INFRASTRUCTURE / root / ".terraform.lock.hcl").read_text()
    assert re.findall(r'provider "([^"]+)"', text) == ["registry.terraform.io/hashicorp/aws"]
    version = re.search(r'version\s+= "([^"]+)"', text)
    assert version
    return version[1], re.findall(r'"zh:([0-9a-f]{64})"', text), re.findall(r'"(h1:[^"]+)"', text)


@pytest.mark.parametrize("root", ROOTS)
def test_every_platform_is_locked(root: str) -> None:
    version, packages, _ = _entry(root)
    assert version == "5.100.0"
    assert len(set(packages)) == _PUBLISHED
    assert hashlib.sha256("\n".join(sorted(packages)).encode()).hexdigest() == _DIGEST


def test_all_roots_lock_the_same() -> None:
    assert len({str(_entry(root)) for root in ROOTS}) == 1


def test_the_package_that_is_used_here_is_a_locked_one(terraform_ready: None, tmp_path: Path) -> None:
    """Terraform's own check, and the same sum computed here."""
    terraform = Terraform(copy_tree(tmp_path) / "environments" / "dev")
    terraform.init("-backend=false", "-lockfile=readonly")
    (package,) = terraform.folder.glob(".terraform/providers/registry.terraform.io/hashicorp/aws/5.100.0/*")
    lines = [
        f"{_sha256(path)}  {path.relative_to(package.resolve()).as_posix()}\n"
        for path in sorted(package.resolve().rglob("*"))
        if path.is_file()
    ]
    digest = hashlib.sha256("".join(lines).encode()).digest()
    assert f"h1:{base64.b64encode(digest).decode()}" in _entry("environments/dev")[2]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
