"""GetClusterCredentials: a user name and a password that open a session in the warehouse.

The warehouse knows passwords only, so the admin's are the admin's own, and those of a user that the call makes are made
with it. Credentials of another user that exists would have to replace its password, and are refused. The user's name
comes back with the prefix that AWS documents, IAM: or with AutoCreate IAMA:, which the warehouse takes off at login.
https://docs.aws.amazon.com/redshift/latest/APIReference/API_GetClusterCredentials.html
"""

from __future__ import annotations

import datetime as dt
import secrets
import urllib.parse
from xml.sax.saxutils import escape

import psycopg
from psycopg import sql

from .errors import ApiError
from .s3_messages import Response
from .settings import RedshiftLogin

_NAMESPACE = "http://redshift.amazonaws.com/doc/2012-12-01/"
_ACTIONS = {"GetClusterCredentials", "GetClusterCredentialsWithIAM"}


def credentials(body: bytes, login: RedshiftLogin | None) -> Response | None:
    """Answer a request for credentials; None for other requests."""
    request = {name: values[0] for name, values in urllib.parse.parse_qs(body.decode()).items()}
    action = request.get("Action", "")
    if action not in _ACTIONS:
        return None
    try:
        user, password = _made(request, login)
    except ApiError as error:
        text = (
            f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>Sender</Type><Code>{error.code}</Code>'
            f"<Message>{escape(str(error))}</Message></Error></ErrorResponse>"
        )
        return Response(400, {"Content-Type": "text/xml"}, text.encode())
    user = f"{'IAMA' if request.get('AutoCreate', '').lower() == 'true' else 'IAM'}:{user}"
    seconds = int(request.get("DurationSeconds") or 900)
    until = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = (
        f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result><DbUser>{escape(user)}</DbUser>'
        f"<DbPassword>{escape(password)}</DbPassword><Expiration>{until}</Expiration></{action}Result>"
        f"</{action}Response>"
    )
    return Response(200, {"Content-Type": "text/xml"}, text.encode())


def _made(request: dict[str, str], login: RedshiftLogin | None) -> tuple[str, str]:
    if login is None or not request.get("ClusterIdentifier"):
        raise ApiError("ClusterNotFound", "Cluster not found.")
    user = request.get("DbUser") or login.user
    if user in {login.user, "*"}:
        return login.user, login.password
    if request.get("AutoCreate", "").lower() != "true":
        raise ApiError(
            "UnsupportedOperation",
            f"the local endpoint has no password of {user}: credentials are the admin's, or a new user's (AutoCreate)",
        )
    password = f"Aa1{secrets.token_hex(16)}"
    statement = sql.SQL("create user {} password {}").format(sql.Identifier(user), sql.Literal(password))
    address = {"host": login.host, "port": login.port, "user": login.user, "password": login.password}
    try:
        with psycopg.connect(**address, dbname=request.get("DbName") or "dev", autocommit=True) as connection:  # type: ignore[arg-type]
            connection.execute(statement)
    except psycopg.Error as error:
        raise ApiError("UnsupportedOperation", f"{user}: {str(error).strip()}") from error
    return user, password
