"""What must not be in the repository: dangerous Python, credentials, unknown dependencies."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from terraform import REPO, environ

_TOOLS = Path(sys.executable).parent
_PRODUCT = ("dags", "plugins", "include", "tools", "docker")


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(_TOOLS / command[0]), *command[1:]],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
        env=environ({}),
    )


def test_bandit_finds_nothing_in_the_product() -> None:
    # The skipped checks: ruff's S rules judge these too, line by line, with reasons where they are switched off.
    done = _run(
        "bandit",
        "--quiet",
        "--recursive",
        "--skip",
        "B101,B311,B404,B603,B607,B608,B701",
        "--format",
        "json",
        *_PRODUCT,
    )
    report = json.loads(done.stdout)
    assert report["metrics"]["_totals"]["loc"] > 1000
    found = [f"{r['filename']}:{r['line_number']}: {r['test_id']} {r['issue_text']}" for r in report["results"]]
    assert not found, "\n".join(found)


def test_ruff_security_rules_find_nothing() -> None:
    done = _run(
        "ruff",
        "check",
        "--select",
        "S",
        "--ignore",
        "S311,S603,S607",
        "--output-format",
        "concise",
        *_PRODUCT,
        "local",
        "packages/aws-local/src",
        "packages/redshift-local/src",
        "packages/shop-data/src",
        "packages/shop-import/src",
    )
    assert done.returncode == 0, done.stdout


def _tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=REPO, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    return [name for name in listed if name and (REPO / name).is_file()]


# Files with credentials that open nothing but servers on the loopback interface, and hashes of packages and providers.
_EXPECTED = re.compile(
    r"^(requirements/.*\.txt|.*\.terraform\.lock\.hcl|docker-compose\.yaml|docker/passwords\.json|local/|packages/|include/sql/macros/fingerprints\.sql|tests/|benchmarks/|\.github/)"
)


def test_no_credential_is_committed() -> None:
    files = [name for name in _tracked() if not _EXPECTED.match(name)]
    # The login of the local web UI is public.
    done = _run("detect-secrets", "scan", "--exclude-lines", '"password": "admin"', *files)
    found = {
        f"{name}:{item['line_number']}: {item['type']}"
        for name, items in json.loads(done.stdout)["results"].items()
        for item in items
        # Terraform's arguments are called secret_…; what they hold are names and references.
        if not (item["type"] == "Secret Keyword" and name.startswith("infrastructure/"))
    }
    assert not found, "\n".join(sorted(found))


@pytest.mark.parametrize(
    "pattern",
    [
        r"\bAKIA[0-9A-Z]{16}\b",  # an access key of AWS
        r"-----BEGIN (?:RSA |EC |OPENSSH )?PRIVATE KEY-----",
        r"\bghp_[A-Za-z0-9]{36}\b",  # a token of GitHub
    ],
)
def test_no_real_credential_is_anywhere(pattern: str) -> None:
    """Also in the files that may hold local passwords."""
    for name in _tracked():
        text = (REPO / name).read_text(errors="ignore")
        assert not re.search(pattern, text), name


def test_every_dependency_is_pinned_by_hash() -> None:
    for path in sorted((REPO / "requirements").glob("*.txt")):
        text = path.read_text()
        pins = re.findall(r"^[a-zA-Z0-9._\[\]-]+==", text, re.MULTILINE)
        assert pins, path.name
        assert text.count("--hash=sha256:") >= len(pins), path.name


@pytest.mark.parametrize("name", ["airflow", "spark", "local"])
def test_bill_of_materials_can_be_made(name: str, tmp_path: Path) -> None:
    target = tmp_path / "sbom.json"
    done = _run("cyclonedx-py", "requirements", f"requirements/{name}.txt", "-o", str(target))
    assert done.returncode == 0, done.stderr
    document = json.loads(target.read_text())
    pins = re.findall(
        r"^[a-zA-Z0-9._\[\]-]+==", (REPO / "requirements" / f"{name}.txt").read_text(), re.MULTILINE
    )
    assert document["bomFormat"] == "CycloneDX"
    assert len(document["components"]) == len(pins)
