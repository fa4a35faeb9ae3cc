"""The days that fault tests load."""

from datetime import timedelta

from tests.e2e.support import FIRST_DAY

SECOND_DAY = FIRST_DAY + timedelta(days=1)
