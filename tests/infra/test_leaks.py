"""The search for people and credentials in logs finds what it should, and nothing else."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest
from terraform import REPO

from ecommerce_dwh.contracts import load_contracts
from local.config import LocalConfig
from tools.find_leaks import find_leaks, main, people_of_name, personal_values, told

HEADER = "customer_id,first_name,last_name,email,phone,date_of_birth,address,city,customer_segment\n"
ROW = 'C0001,Asha,Rao,asha.rao@example.org,+919812345678,1990-02-03,"12 Lake View Road, Flat 4",Pune,Gold member\n'


@pytest.fixture
def people() -> set[str]:
    contract = load_contracts(REPO / "include" / "sources")["customers"]
    return personal_values(contract, [HEADER, ROW, ROW.replace("Rao,", "Raosingh,")])


def test_people_are_taken_from_the_personal_columns(people: set[str]) -> None:
    assert {"asha.rao@example.org", "+919812345678", "12 Lake View Road, Flat 4"} <= people
    assert "Asha Raosingh" in people
    assert not {"C0001", "Asha", "1990-02-03", "Gold member"} & people


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("ERROR could not cast 'asha.rao@example.org' in line 3", "personal data"),
        ('{"event": "row", "phone": "+919812345678"}', "personal data"),
        ("bad row: C0001,Asha,12 Lake View Road, Flat 4,Pune", "personal data"),
        ("order_date: 'Asha Rao'", ""),
        ("order_date: 'ASHA RAOSINGH' is no date", "personal data"),
        ("call +91 98123-45678 or not", "personal data"),
        ("call 098123 45678", "personal data"),
        ("call 98123 45679 at 2026-01-05 10:00:00", ""),
        ("connecting with password s3cr3t-password-1", "credential"),
        ("3 rows of customers quarantined: email a***@e***", ""),
        ("Lake View Road is a street without a person", ""),
    ],
)
def test_leaks_are_found(people: set[str], line: str, kind: str) -> None:
    found = [
        (leak.line, leak.kind)
        for leak in find_leaks([("task.log", f"harmless\n{line}\n")], people, {"s3cr3t-password-1"})
    ]
    assert found == ([(2, kind)] if kind else [])


def test_people_are_taken_from_names_of_files() -> None:
    assert people_of_name("orders/dt=2026-01-05/asha.rao@example.org_1.csv")
    assert not people_of_name("orders/dt=2026-01-05/part-0001.csv.gz")


def test_mails_are_read_as_people_read_them(people: set[str], tmp_path: Path) -> None:
    """On disk a mail is base64 or quoted-printable."""
    mail = EmailMessage()
    mail["Subject"] = "Gate closed"
    mail.set_content("Zeile: asha.rao@example.org, 12 Lake View Road, Flat 4 ü", cte="base64")
    config = LocalConfig(home=tmp_path)
    config.mail_dir.mkdir(parents=True)
    (config.mail_dir / "1.eml").write_bytes(mail.as_bytes())
    assert "asha.rao" not in (config.mail_dir / "1.eml").read_text()
    assert [leak.kind for leak in find_leaks(told(config), people, set())] == ["personal data"]


def test_nothing_to_look_at_is_not_a_pass(tmp_path: Path) -> None:
    assert main(["--home", str(tmp_path)]) == 2
