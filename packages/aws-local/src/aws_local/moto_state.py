"""Keeps moto's smaller services (IAM, SNS, Secrets Manager, SES …) across restarts, and adds what they lack.

Their state is pickled as moto holds it, soon after each request that may have changed it. A file written by
another version of moto is left alone. S3 objects and Glue have their own, stricter keeping; this is for what
provisioning could make anew.
"""

from __future__ import annotations

import logging
import pickle
import threading
from pathlib import Path
from typing import Any

import moto
from moto.backends import get_backend

from .terraform_gaps import fill_gaps

log = logging.getLogger("aws_local.state")

_GLOBAL = {"iam", "s3"}
_SERVICES = {
    "iam": "iam",
    "sns": "sns",
    "secretsmanager": "secretsmanager",
    "ses": "ses",
    "monitoring": "cloudwatch",
    "redshift": "redshift",
    "kms": "kms",
    "sqs": "sqs",
    "events": "events",
    "s3": "s3",
}
_DELAY = 0.5


class MotoState:
    """Saves and restores moto's backends of one account and region."""

    def __init__(self, folder: Path, account: str, region: str) -> None:
        self._folder = folder / f"moto-{moto.__version__}"
        self._account = account
        self._region = region
        self._dirty: set[str] = set()
        self._loaded: set[str] = set()
        self._loading = threading.Lock()
        self._lock = threading.Lock()
        self._saving = threading.Lock()
        self._timer: threading.Timer | None = None

    def backend(self, service: str) -> Any:
        """Moto's backend of a service."""
        return get_backend(service)[self._account][self._place(service)]  # type: ignore[call-overload]

    def _place(self, service: str) -> str:
        return "aws" if service in _GLOBAL else self._region

    def prepare(self, signing_name: str) -> None:
        """Give moto what was saved of a service, before its first request.

        Not at the start, because some of moto's services take a second to import.
        """
        fill_gaps(signing_name)
        service = _SERVICES.get(signing_name)
        if service is None or service in self._loaded:
            return
        with self._loading:
            if service in self._loaded:
                return
            if service == "redshift":
                mend_redshift()
            path = self._folder / f"{service}.pickle"
            if path.is_file():
                try:
                    backend = pickle.loads(path.read_bytes())  # noqa: S301 - our own file
                    get_backend(service)[self._account][self._place(service)] = backend  # type: ignore[call-overload]
                except Exception:
                    log.warning("the saved state of %s cannot be read; it starts empty", service, exc_info=True)
            self._loaded.add(service)

    def touched(self, signing_name: str) -> None:
        """A request that may have changed a service was answered."""
        service = _SERVICES.get(signing_name)
        if service is None:
            return
        with self._lock:
            self._dirty.add(service)
            if self._timer is None:
                self._timer = threading.Timer(_DELAY, self.save)
                self._timer.daemon = True
                self._timer.start()

    def save(self) -> None:
        """Write down what was touched since the last time."""
        with self._saving:
            with self._lock:
                dirty, self._dirty, self._timer = self._dirty, set(), None
            self._folder.mkdir(parents=True, exist_ok=True)
            for service in dirty:
                try:
                    data = pickle.dumps(self.backend(service))
                except (RuntimeError, pickle.PicklingError, AttributeError, TypeError) as error:
                    # RuntimeError: changed while it was walked; the change has marked it dirty again.
                    log.debug("state of %s not saved: %s", service, error)
                    continue
                partial = self._folder / f"{service}.part"
                partial.write_bytes(data)
                partial.replace(self._folder / f"{service}.pickle")

    def close(self) -> None:
        """Save what is left."""
        with self._lock:
            timer = self._timer
        if timer:
            timer.cancel()
        self.save()


def mend_redshift() -> None:
    """Add what DescribeClusters lacks and Terraform's provider waits for."""
    from moto.redshift.models import Cluster  # late import: slow to import

    # Moto writes a response from the attributes that bear the names of its members.
    Cluster.cluster_availability_status = "Available"  # type: ignore[attr-defined]
    Cluster.availability_zone_relocation_status = "disabled"  # type: ignore[attr-defined]
    Cluster.multi_az = "disabled"  # type: ignore[attr-defined]
