"""Holds the AWS calls of the code against the permissions of the roles, both ways: docs/permissions.md.

    PYTHONPATH=plugins python -m tools.generate.permissions [--check | --state FILE]

``infrastructure/permissions.json`` holds what each role may do, taken from an applied dev environment (``--state`` with
what `terraform show -json` prints; tests/infra hold it against every apply). The calls come from the code by its syntax
tree. A call without a permission fails, and so does a permission without a call, unless
``tools/generate/permissions.yaml`` says who else needs it.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools.generate.files import REPO, Generator

PAGE = Path("docs/permissions.md")
STATEMENTS = Path("infrastructure/permissions.json")
REASONS = Path("tools/generate/permissions.yaml")
PREFIX = "ecommerce-dwh-dev-"

# Method of a boto3 client -> action. Where the names differ, the service authorization reference has both
# (docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html).
ACTIONS = {
    "abort_multipart_upload": "s3:AbortMultipartUpload",
    "complete_multipart_upload": "s3:PutObject",
    "create_multipart_upload": "s3:PutObject",
    "delete_object": "s3:DeleteObject",
    "delete_objects": "s3:DeleteObject",
    "get_bucket_lifecycle_configuration": "s3:GetLifecycleConfiguration",
    "get_bucket_versioning": "s3:GetBucketVersioning",
    "get_object": "s3:GetObject",
    "head_bucket": "s3:ListBucket",
    "head_object": "s3:GetObject",
    "list_object_versions": "s3:ListBucketVersions",
    "list_objects_v2": "s3:ListBucket",
    "put_object": "s3:PutObject",
    "upload_file": "s3:PutObject",
    "upload_part": "s3:PutObject",
}
# A version's deletion or reading is an action of its own.
_VERSIONED = {"s3:DeleteObject": "s3:DeleteObjectVersion", "s3:GetObject": "s3:GetObjectVersion"}
# Clients whose methods bear the names of their actions, and the clients whose actions have another service's name.
_SERVICES = ("cloudwatch", "glue", "logs", "mwaa", "redshift", "redshift-serverless", "secretsmanager", "sns")
_PREFIXES = {"mwaa": "airflow"}

# Role -> where its code begins; the modules that these import belong to it. A role without code works for AWS itself.
ROLES: dict[str, tuple[str, ...]] = {
    "airflow": ("plugins/ecommerce_dwh", "dags"),
    "glue-crawler": (),
    "glue-data-processing": ("include/glue/data_processing.py",),
    "glue-data-quality": ("include/glue/data_quality.py",),
    "glue-data-erasure": ("include/glue/data_erasure.py",),
    "redshift-copy": (),
    "redshift-scheduler": (),
    "github-deploy": ("tools/deploy.py",),
}
# Thin wrappers around a client: a call in one of their methods is a call of whoever uses that method.
_WRAPPERS = {"include/glue/ecommerce_dwh_glue/storage.py"}


class PermissionsError(ValueError):
    """Calls and permissions do not fit; the message lists each misfit and what to do."""


@dataclass(frozen=True, order=True)
class Call:
    """A call of AWS in the code: the action that allows it, and where it is."""

    action: str
    place: str


def calls_of(role: str, root: Path = REPO) -> list[Call]:
    """The calls that a role's code makes."""
    files = list(_reachable(root, ROLES[role]))
    trees = {path: ast.parse((root / path).read_text("utf-8")) for path in files}
    used = {
        node.attr
        for path, tree in trees.items()
        if path not in _WRAPPERS
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
    }
    found = set()
    for path, tree in trees.items():
        for function, node in _calls(tree):
            action = _action(node)
            if action and not (path in _WRAPPERS and function not in used):
                found.add(Call(action, f"{path}:{node.lineno}"))
    return sorted(found)


def _reachable(root: Path, entries: Iterable[str]) -> Iterator[str]:
    """Files of a role: its entries, and what they import of this repository."""
    waiting = [
        str(path.relative_to(root))
        for entry in entries
        for path in ([root / entry] if entry.endswith(".py") else sorted((root / entry).rglob("*.py")))
    ]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        yield path
        for name in _imported(ast.parse((root / path).read_text("utf-8")), path):
            for base in ("", "plugins/", "include/glue/"):
                for file in (
                    f"{base}{name.replace('.', '/')}.py",
                    f"{base}{name.replace('.', '/')}/__init__.py",
                ):
                    if (root / file).is_file():
                        waiting.append(file)


def _imported(tree: ast.AST, path: str) -> Iterator[str]:
    package = re.sub(r"^(plugins|include/glue)/", "", path).split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _calls(tree: ast.AST, function: str = "") -> Iterator[tuple[str, ast.Call]]:
    """Calls with the name of the function that they are in."""
    for node in ast.iter_child_nodes(tree):
        inner = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function
        if isinstance(node, ast.Call):
            yield inner, node
        yield from _calls(node, inner)


def _action(node: ast.Call) -> str | None:
    if not isinstance(node.func, ast.Attribute):
        return None
    method = node.func.attr
    if method == "get_paginator" and node.args and isinstance(node.args[0], ast.Constant):
        method = str(node.args[0].value)
    action = ACTIONS.get(method) or _methods().get(method)
    version = any(keyword.arg == "VersionId" for keyword in node.keywords)
    return _VERSIONED[action] if action in _VERSIONED and version else action


def _methods(cache: dict[str, str] = {}) -> dict[str, str]:  # noqa: B006 - read once
    """Methods of the clients whose operations are called like their actions."""
    if not cache:
        import botocore.session  # late import: a second to read all models
        from botocore import xform_name

        session = botocore.session.get_session()
        for service in _SERVICES:
            prefix = _PREFIXES.get(service, service)
            for operation in session.get_service_model(service).operation_names:
                cache.setdefault(xform_name(operation), f"{prefix}:{operation}")
    return cache


# --- the two sides ----------------------------------------------------------------------------------------------------


def misfits(role: str, calls: Iterable[Call], statements: Any, reasons: Mapping[str, str]) -> list[str]:
    """Differences between a role's calls, its permissions and the reasons given; empty when there are none."""
    allowed = {action for statement in statements for action in statement["actions"]}
    called = {call.action: call.place for call in calls}
    told = [
        f"{role}: {place} needs {action}, which no statement allows; add it in infrastructure/modules/security"
        for action, place in called.items()
        if not _allows(allowed, action)
    ]
    told += [
        f"{role}: {pattern} is allowed and never called; drop it, or say in {REASONS} who else needs it"
        for pattern in sorted(allowed)
        if not any(_matches(pattern, action) for action in called) and pattern not in reasons
    ]
    told += [
        f"{role}: {REASONS} gives a reason for {action}, which "
        + ("is called by the code" if action in called else "no statement allows")
        for action in reasons
        if action not in allowed or action in called
    ]
    return told


def _allows(patterns: Iterable[str], action: str) -> bool:
    return any(_matches(pattern, action) for pattern in patterns)


def _matches(pattern: str, action: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action) is not None


def page(root: Path = REPO) -> str:
    """The page.

    Raises:
        PermissionsError: a call has no permission, or a permission neither call nor reason.
    """
    statements = json.loads((root / STATEMENTS).read_text("utf-8"))
    reasons = yaml.safe_load((root / REASONS).read_text("utf-8"))
    wrong, parts = [], [_HEAD]
    for role in ROLES:
        calls = calls_of(role, root)
        wrong += misfits(role, calls, statements[role], reasons.get(role, {}))
        parts.append(_section(role, calls, statements[role], reasons.get(role, {})))
    if wrong:
        raise PermissionsError("\n".join(wrong))
    return "\n".join(parts)


def _section(role: str, calls: list[Call], statements: Any, reasons: Mapping[str, str]) -> str:
    lines = [f"## {role}", "", "| permission | statement | on | needed by |", "|---|---|---|---|"]
    for statement in statements:
        where = "<br>".join(f"`{resource}`" for resource in statement["resources"])
        for action in statement["actions"]:
            places = sorted({c.place.rpartition(":")[0] for c in calls if _matches(action, c.action)})
            needed = "<br>".join(f"`{place}`" for place in places) or reasons.get(action, "")
            lines.append(f"| `{action}` | {statement['sid']} | {where} | {needed} |")
    return "\n".join([*lines, ""])


_HEAD = """# Permissions

<!-- Generated by tools/generate/permissions.py; do not edit. -->

Each permission of each role, the statement that gives it, the resources it is for, and who needs it: a file of this
repository that makes the call, or a service that works with the role. Names are those of dev. `make generate` writes
the page; a call without a permission, or a permission that nobody needs, fails it.

GitHub's plan and apply roles are not here: their calls are Terraform's. `tests/infra/test_github_roles.py` holds them
against what the provider asks. No role goes beyond the boundary (`infrastructure/modules/security/boundary.tf`).
"""


def from_state(state: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The statements of each role in an applied dev environment.

    Args:
        state: what `terraform show -json` prints.
    """
    found: dict[str, list[dict[str, Any]]] = {role: [] for role in ROLES}
    for resource in _resources(state["values"]["root_module"]):
        values = resource["values"]
        if resource["type"] != "aws_iam_role_policy":
            continue
        role = str(values["role"]).removeprefix(PREFIX)
        if role not in found:
            continue
        for statement in json.loads(values["policy"])["Statement"]:
            found[role].append(
                {
                    "sid": statement.get("Sid", ""),
                    "actions": sorted(_listed(statement["Action"])),
                    # AWS generates the key's id.
                    "resources": [
                        re.sub(r":key/[0-9a-f-]{36}$", ":key/…", r) for r in _listed(statement["Resource"])
                    ],
                }
            )
    return {role: sorted(items, key=json.dumps) for role, items in found.items()}


def _resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from module.get("resources", ())
    for child in module.get("child_modules", ()):
        yield from _resources(child)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


GENERATOR = Generator(
    "tools.generate.permissions",
    __doc__,
    lambda _root: {PAGE.as_posix(): page()},
    errors=(PermissionsError,),
)


def main(arguments: list[str] | None = None) -> int:
    """Write or check the page, or take the statements from a state first; returns the exit code."""
    parser = GENERATOR.parser()
    parser.add_argument(
        "--state", type=Path, help="take the statements from this `terraform show -json` of dev first"
    )
    options = parser.parse_args(arguments)
    if options.state:
        text = json.dumps(
            from_state(json.loads(options.state.read_text("utf-8"))), indent=1, ensure_ascii=False
        )
        (REPO / STATEMENTS).write_text(text + "\n", "utf-8")
    return GENERATOR.run(REPO, check=options.check)


if __name__ == "__main__":
    sys.exit(main())
