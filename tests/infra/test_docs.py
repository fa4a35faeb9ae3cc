"""Commands in the documentation: they exist, and take the arguments that they are given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from terraform import INFRASTRUCTURE, REPO

PAGES = sorted([REPO / "README.md", *(REPO / "docs").glob("*.md")])
_GLOBAL = {"region", "output", "query", "profile", "endpoint-url", "no-cli-pager", "cli-input-json"}


def _commands(program: str) -> Iterator[tuple[Path, str]]:
    """Command lines of a program: in code blocks, with continued lines joined, and in the text between backticks."""
    for page in PAGES:
        text = page.read_text()
        blocks = re.findall(r"^ *```(?:bash|sh|shell)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
        prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
        lines = [line for block in blocks for line in re.sub(r"\\\n\s*", " ", block).splitlines()]
        for line in [*lines, *re.findall(r"`([^`\n]+)`", prose)]:
            match = re.search(rf"(?:^|[\s;(|&]){re.escape(program)} .*", line)
            if match:
                yield page, match[0].lstrip(" ;(|&")


def _words(command: str) -> list[str]:
    """Words up to the end of the command; substitutions and placeholders count as one value."""
    plain = re.sub(r'"?\$\((?:[^()]|\([^()]*\))*\)?"?', "VALUE", command)
    plain = re.sub(r"<[^>]*>", "VALUE", plain)
    plain = re.split(r";|\s(?:#|\||&&|>)", plain)[0]
    return re.findall(r"""(?:'[^']*'|"[^"]*"|[^\s'"…)])+""", plain)


def _fault(words: list[str]) -> str:
    """What is wrong with an AWS CLI command; empty when nothing is."""
    if words[1] == "--version":
        return ""
    if words[1] == "s3":  # the CLI's own commands
        return "" if words[2] in ("cp", "ls", "sync", "rm", "mv", "presign") else f"aws s3 has no {words[2]}"
    words = [words[0], words[1].replace("s3api", "s3"), *words[2:]]
    try:
        client = botocore.session.get_session().get_service_model(words[1])
    except UnknownServiceError:
        return f"there is no service {words[1]}"
    if words[2] == "wait":
        waiters = botocore.session.get_session().get_waiter_model(words[1]).waiter_names
        return (
            "" if words[3] in {xform_name(w, "-") for w in waiters} else f"{words[1]} waits for no {words[3]}"
        )
    operations = {xform_name(name, "-"): name for name in client.operation_names}
    if words[2] not in operations:
        return f"{words[1]} has no {words[2]}"
    shape = client.operation_model(operations[words[2]]).input_shape
    known = {xform_name(name, "-") for name in (shape.members if shape else {})}
    required = {xform_name(name, "-") for name in (shape.required_members if shape else [])}
    given = {word[2:].partition("=")[0] for word in words if word.startswith("--")}
    wrong = [flag for flag in given if flag not in known | _GLOBAL and flag.removeprefix("no-") not in known]
    if wrong:
        return f"{words[1]} {words[2]} takes no --{wrong[0]}"
    return (
        ""
        if len(given) == 0
        else "".join(f"{words[2]} needs --{flag}" for flag in sorted(required - given)[:1])
    )


def test_the_check_finds_what_is_wrong() -> None:
    assert not _fault(_words("aws glue start-job-run --job-name x --region ap-south-1"))
    assert _fault(_words("aws glue start-job --job-name x")) == "glue has no start-job"
    assert _fault(_words("aws glue start-job-run --job x")) == "glue start-job-run takes no --job"
    assert _fault(_words("aws glue start-job-run --region x")) == "start-job-run needs --job-name"
    assert _fault(_words("aws redshift wait cluster-eaten --x y")) == "redshift waits for no cluster-eaten"


def test_aws_commands_exist_and_take_their_arguments() -> None:
    commands = list(_commands("aws"))
    assert len(commands) > 10
    # Prose may name a command without its arguments.
    wrong = [
        f"{page.name}: {command}: {fault}" for page, command in commands if (fault := _fault(_words(command)))
    ]
    assert not wrong, "\n".join(wrong)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (REPO / "Makefile").read_text(), re.MULTILINE))
    named = [(page.name, _words(command)) for page, command in _commands("make")]
    assert len(named) > 10
    wrong = [
        f"{page}: make {word}"
        for page, words in named
        for word in words[1:]
        if re.fullmatch(r"[a-z0-9-]+", word) and not word.startswith("-") and word not in targets
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("env", ["dev", "prod"])
def test_terraform_outputs_and_variables_exist(env: str) -> None:
    folder = INFRASTRUCTURE / "environments" / env
    configuration = "\n".join(path.read_text() for path in sorted(folder.glob("*.tf")))
    outputs = set(re.findall(r'^output "(\w+)"', configuration, re.MULTILINE))
    variables = set(re.findall(r'^variable "(\w+)"', configuration, re.MULTILINE))
    variables |= set(
        re.findall(r'^variable "(\w+)"', (INFRASTRUCTURE / "bootstrap/main.tf").read_text(), re.MULTILINE)
    )
    text = "\n".join(page.read_text() for page in PAGES)
    asked = set(re.findall(r"(?:terraform|environments/\w+) output (?:-raw |-json )?([a-z_]+)", text))
    assert asked
    assert asked <= outputs
    told = set(re.findall(r"-var[ =]'?([a-z_]+)=", text)) | set(re.findall(r"TF_VAR_([a-z_]+)", text))
    assert told
    if env == "prod":
        assert told <= variables
