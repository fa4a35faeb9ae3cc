"""Runs Terraform for the tests: offline, on a copy of the tree, against the local AWS endpoint or none at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[2]
INFRASTRUCTURE = REPO / "infrastructure"
ROOTS = ("bootstrap", "environments/dev", "environments/prod")
MODULES = tuple(sorted(path.name for path in (INFRASTRUCTURE / "modules").iterdir() if path.is_dir()))

# What the endpoint needs of the provider; nothing of the configuration itself changes.
OVERRIDE = """
provider "aws" {
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
}
"""
_REPLICA_OVERRIDE = """
provider "aws" {
  alias                       = "replica"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
}
"""


@dataclass
class Terraform:
    """Terraform in one folder.

    Attributes:
        folder: the root module.
        environ: what it sees besides the plain environment.
    """

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        """Run a command; any exit code but ``codes`` fails the test with Terraform's words."""
        done = subprocess.run(
            ["terraform", *arguments],
            cwd=self.folder,
            env=environ(self.environ),
            text=True,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode in codes, f"terraform {' '.join(arguments)}:\n{done.stdout[-6000:]}"
        return done

    def init(self, *arguments: str) -> None:
        """Initialise, with the provider of DWH_TF_PLUGIN_DIR where that is set, else of the registry."""
        plugins = os.environ.get("DWH_TF_PLUGIN_DIR")
        source = [f"-plugin-dir={plugins}"] if plugins else []
        done = self.run("init", "-input=false", "-no-color", *source, *arguments, codes=(0, 1))
        assert done.returncode == 0, (
            f"{done.stdout[-4000:]}\nWhere Terraform's registry cannot be reached, set DWH_TF_PLUGIN_DIR to a folder "
            "laid out as HOST/NAMESPACE/TYPE/VERSION/PLATFORM with the AWS provider of .terraform.lock.hcl"
        )

    def output(self) -> dict[str, Any]:
        return {name: item["value"] for name, item in json.loads(self.run("output", "-json").stdout).items()}


def environ(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment without what a person's shell may say to Terraform or AWS."""
    plain = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "TF_")) or name in ("AWS_CA_BUNDLE", "TF_PLUGIN_CACHE_DIR")
    }
    # An apply mostly waits: most resources are asked for again until AWS shows them.
    at_once = {f"TF_CLI_ARGS_{command}": "-parallelism=40" for command in ("apply", "destroy", "plan")}
    return {**plain, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", **at_once, **extra}


def copy_tree(target: Path) -> Path:
    """A copy of the infrastructure and of the contracts that it reads."""
    skip = shutil.ignore_patterns(".terraform", "*.tfstate*", "terraform.tfvars", "*.tfplan")
    shutil.copytree(INFRASTRUCTURE, target / "infrastructure", ignore=skip)
    shutil.copytree(REPO / "include" / "sources", target / "include" / "sources")
    return target / "infrastructure"


def point_at_endpoint(root: Path) -> None:
    """Let both providers of an environment speak to the local endpoint."""
    (root / "endpoint_override.tf").write_text(OVERRIDE + _REPLICA_OVERRIDE)
