"""What COPY and UNLOAD share: the session they serve, its cancellation, and how a transaction ends in error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redshift_local.conversation import Outcome
from redshift_local.copy_model import CopyError
from redshift_local.plan import Plan

if TYPE_CHECKING:
    from redshift_local.session import Session


class Transfer:
    """A statement that moves rows between PostgreSQL and S3.

    Args:
        session: the session that asked for it.
        plan: the statement.
    """

    def __init__(self, session: Session, plan: Plan) -> None:
        self._session = session
        self._talk = session.talk
        self._plan = plan
        session.cancelled = False  # a request to cancel is about the statement that runs when it comes

    def _cancelled(self) -> CopyError | None:
        """The error of a statement that the client has cancelled; None otherwise."""
        if self._session.cancelled:
            return CopyError("Query cancelled on user's request", state="57014")
        return None

    async def _refused(self, error: CopyError) -> Outcome:
        """The outcome of an error that PostgreSQL does not know of; an open transaction has failed with it."""
        fields = {"S": "ERROR", "V": "ERROR", "C": error.state, "M": str(error)}
        if error.detail:
            fields["D"] = error.detail
        if self._talk.status == "T":
            await self._talk.internal("do $$ begin raise exception 'refused'; end $$")
        return Outcome(fields=fields, status=self._talk.status)
