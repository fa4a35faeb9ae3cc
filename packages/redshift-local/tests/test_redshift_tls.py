"""TLS, which clients ask for by default."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from test_redshift_sessions import psycopg_url

from redshift_local.certificates import tls_context
from redshift_local.testing import RunningEndpoint


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_client_is_served_by_tls(endpoint: RunningEndpoint, mode: str) -> None:
    trusted = str(endpoint.folder / "tls" / "server.crt")
    with psycopg.connect(psycopg_url(endpoint), sslmode=mode, sslrootcert=trusted) as connection:
        assert connection.pgconn.ssl_in_use
        rows = connection.execute("select repeat('x', 60000) from pg_catalog.pg_type limit 200").fetchall()
        assert len(rows) == 200


def test_a_client_without_tls_is_served(endpoint: RunningEndpoint) -> None:
    with psycopg.connect(psycopg_url(endpoint), sslmode="disable") as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_stranger_does_not_verify(endpoint: RunningEndpoint, tmp_path: Path) -> None:
    tls_context(tmp_path, "127.0.0.1")
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        psycopg.connect(psycopg_url(endpoint), sslmode="verify-ca", sslrootcert=str(tmp_path / "server.crt"))


def test_the_certificate_is_kept_and_a_broken_one_is_made_anew(tmp_path: Path) -> None:
    tls_context(tmp_path, "127.0.0.1")
    first = (tmp_path / "server.crt").read_bytes()
    assert (tmp_path / "server.key").stat().st_mode & 0o077 == 0
    tls_context(tmp_path, "127.0.0.1")
    assert (tmp_path / "server.crt").read_bytes() == first
    (tmp_path / "server.crt").write_text("broken")
    tls_context(tmp_path, "127.0.0.1")
    assert (tmp_path / "server.crt").read_bytes().startswith(b"-----BEGIN CERTIFICATE")
