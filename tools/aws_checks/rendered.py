"""Every name and policy of an environment, as Terraform renders them: no second list that could differ from the first.

``terraform test`` applies the environment against a mocked provider (infrastructure/mocks), so policies are whole,
ARNs included, and neither AWS nor a state is asked. The values are those of the environment's own terraform.tfvars.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[2]
_EXAMPLE_ACCOUNT = "123456789012"
_EXAMPLE_REGION = "ap-south-1"

_MOCK = """
mock_provider "aws" {{
  {alias}source = "../../mocks"
}}
"""
_RUN = """
run "rendered" {
  command = apply

  variables {
    airflow_enabled = true
  }
}
"""
# Variables of the root module that a check needs and no resource shows.
_FACTS = (
    "account_id",
    "region",
    "replica_region",
    "alert_email",
    "account_suffix",
    "github_repository",
)


def _additions(root: Path) -> dict[str, str]:
    """Files that make Terraform say what the root module in a folder comes to."""
    text = "\n".join(path.read_text() for path in root.glob("*.tf"))
    aliases = sorted(set(re.findall(r'^\s*alias\s*=\s*"(\w+)"', text, re.MULTILINE)))
    mocks = [_MOCK.format(alias=f'alias = "{alias}"\n  ' if alias else "") for alias in ("", *aliases)]
    declared = [name for name in _FACTS if re.search(rf'^variable "{name}"', text, re.MULTILINE)]
    lines = [f"    {name} = var.{name}" for name in declared]
    lines += ["    replica_bucket = try(module.platform.replica_bucket, null)", "    tags = keys(local.tags)"]
    facts = 'output "rendered_facts" {\n  value = {\n' + "\n".join(lines) + "\n  }\n}\n"
    return {"rendered.tftest.hcl": "".join([*mocks, _RUN]), "rendered_facts.tf": facts}


class RenderError(RuntimeError):
    """Terraform cannot render the environment; the message is its first error."""


@dataclass(frozen=True)
class Resource:
    """One resource of the rendered environment."""

    address: str
    type: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Rendered:
    """An environment without AWS.

    Attributes:
        facts: values of the root module: account_id, region, replica_region, alert_email, …
        resources: all resources.
    """

    facts: Mapping[str, Any]
    resources: tuple[Resource, ...] = field(default=())

    def of(self, *types: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.type in types]

    def names(self, type_: str, key: str = "name") -> list[str]:
        return sorted(str(r.values[key]) for r in self.of(type_) if r.values.get(key))

    @property
    def regions(self) -> list[str]:
        """The regions that the environment creates something in."""
        more = [self.facts["replica_region"]] if self.facts.get("replica_bucket") else []
        return [self.facts["region"], *more]


def render(env: str, account: str, infrastructure: Path = REPO / "infrastructure") -> Rendered:
    """Render an environment with its terraform.tfvars and the TF_VAR_ variables of the shell.

    Raises:
        RenderError: Terraform is missing, or refuses the values.
    """
    with tempfile.TemporaryDirectory(prefix="dwh-rendered-") as folder:
        copied = Path(folder) / "infrastructure"
        skip = shutil.ignore_patterns(".terraform", "*.tfstate*", "*.tfplan", "*.tftest.hcl", "*_override.tf")
        shutil.copytree(infrastructure, copied, ignore=skip)
        shutil.copytree(REPO / "include" / "sources", Path(folder) / "include" / "sources")
        root = copied / "environments" / env
        for mock in (copied / "mocks").glob("*.tfmock.hcl"):
            mock.write_text(mock.read_text().replace(_EXAMPLE_ACCOUNT, account))
        for name, text in _additions(root).items():
            (root / name).write_text(text)
        plugins = _plugins(infrastructure / "environments" / env)
        _terraform(root, "init", "-backend=false", "-input=false", "-no-color", *plugins)
        said = _terraform(root, "test", "-json", "-verbose", "-no-color", "-filter=rendered.tftest.hcl")
    return _parse(said)


def _plugins(root: Path) -> list[str]:
    """The providers that are already on this machine; without them, Terraform downloads them."""
    here = root / ".terraform" / "providers"
    folder = os.environ.get("DWH_TF_PLUGIN_DIR") or (str(here) if here.is_dir() else "")
    return [f"-plugin-dir={Path(folder).resolve()}"] if folder else []


def _terraform(root: Path, *arguments: str) -> str:
    environ = {k: v for k, v in os.environ.items() if k not in ("TF_CLI_ARGS", "TF_DATA_DIR", "TF_WORKSPACE")}
    try:
        done = subprocess.run(
            ["terraform", *arguments],
            cwd=root,
            env={**environ, "TF_IN_AUTOMATION": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise RenderError("there is no terraform on the PATH; install 1.11 or newer") from None
    if done.returncode:
        raise RenderError(_first_error(done.stdout, done.stderr))
    return done.stdout


def _first_error(stdout: str, stderr: str) -> str:
    for line in stdout.splitlines():
        if line.startswith("{"):
            diagnostic = json.loads(line).get("diagnostic")
            if diagnostic and diagnostic.get("severity") == "error":
                return " ".join(f"{diagnostic['summary']}: {diagnostic.get('detail', '')}".split())
    text = re.sub(r"[│╷╵]", " ", stderr or stdout)
    found = re.search(r"Error: (.*?)(?:\n\s*\n\s*\n|\Z)", text, re.DOTALL)
    return " ".join((found[1] if found else text).split())[:600]


def _parse(said: str) -> Rendered:
    states = [json.loads(line)["test_state"] for line in said.splitlines() if '"type":"test_state"' in line]
    if not states:
        raise RenderError("terraform test printed no state; is it 1.11 or newer?")
    facts = states[0]["outputs"]["rendered_facts"]["value"]
    return Rendered(facts, tuple(_walk(states[0]["root_module"])))


def _walk(module: Mapping[str, Any]) -> list[Resource]:
    own = [Resource(r["address"], r["type"], r["values"]) for r in module.get("resources", ())]
    return [*own, *(resource for child in module.get("child_modules", ()) for resource in _walk(child))]
