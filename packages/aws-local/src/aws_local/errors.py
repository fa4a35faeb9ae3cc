"""Errors of AWS's JSON protocol."""

from __future__ import annotations


class ApiError(Exception):
    """An API refusal; ``code`` is the exception name that botocore raises to the caller."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def not_found(what: str, name: str) -> ApiError:
    return ApiError("EntityNotFoundException", f"{what} {name} not found")


def invalid(message: str) -> ApiError:
    return ApiError("InvalidInputException", message)
