"""Errors of AWS's JSON protocol."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An API refusal; ``code`` is the exception name that botocore raises to the caller."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def not_found(what: str, name: str) -> ApiError:
    return ApiError("EntityNotFoundException", f"{what} {name} not found")


def invalid(message: str) -> ApiError:
    return ApiError("InvalidInputException", message)


def required(request: dict[str, Any], name: str) -> Any:
    """A field that a request must have.

    Raises:
        ApiError: it is absent or empty.
    """
    if not request.get(name):
        raise ApiError("ValidationException", f"{name} must be given.")
    return request[name]
