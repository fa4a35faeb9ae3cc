"""Runs the page's routes in a few threads of their own, and answers at once when all are busy.

FastAPI runs plain functions in the event loop's common pool of 40 threads, the same in which Airflow answers most of
its API. A store that does not answer would occupy all of them and stop Airflow's API.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

THREADS = 8
WAITING = 16  # requests that may wait for a thread
PATIENCE_SECONDS = 20.0

P = ParamSpec("P")
R = TypeVar("R")


class Busy(Exception):
    """The page has more to do than it may; the message is for the visitor."""


class PageThreads:
    """A bounded pool for the routes of one application.

    Args:
        threads: routes that run side by side.
        waiting: requests that may wait for one of them; further ones are refused at once.
        patience: seconds after which a visitor gets an answer although the route is not done; 20 when not given.
    """

    def __init__(self, threads: int = THREADS, waiting: int = WAITING, patience: float | None = None) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="quality-page-route")
        # A route that nobody waits for any more keeps its place until its thread is done: threads stay bounded.
        self._places = threading.BoundedSemaphore(threads + waiting)
        self._patience = PATIENCE_SECONDS if patience is None else patience

    def off_loop(self, route: Callable[P, R]) -> Callable[P, Awaitable[R]]:
        """The route as a coroutine that runs in one of these threads.

        Raises (the coroutine):
            Busy: all places are taken, or the route was not done in time.
        """

        @functools.wraps(route)
        async def run(*args: P.args, **kwargs: P.kwargs) -> R:
            if not self._places.acquire(blocking=False):
                raise Busy("Too many requests of this page are still waiting for S3.")
            future = self._pool.submit(route, *args, **kwargs)
            future.add_done_callback(lambda _: self._places.release())
            try:
                return await asyncio.wait_for(asyncio.wrap_future(future), self._patience)
            except TimeoutError:
                raise Busy(f"The reports did not arrive within {self._patience:.0f} seconds.") from None

        return run
