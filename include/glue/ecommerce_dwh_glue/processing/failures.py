"""Turns a failure of Spark into one line for a person: the damaged file, else the first line of the error."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from ecommerce_dwh.privacy.masking import mask_error
from ecommerce_dwh_glue.job import JobError
from ecommerce_dwh_glue.processing.context import Run
from ecommerce_dwh_glue.reading.errors import FileError, problems_text
from ecommerce_dwh_glue.reading.files import SourceFile
from ecommerce_dwh_glue.reading.text import text_chunks

# Characters that Java keeps when it writes a path as a URI, beside letters and digits.
_URI = "/-_.!~*'()=+,;:@&$"


def explain(run: Run, error: Exception, files: Sequence[SourceFile]) -> JobError:
    """The error to raise in the place of Spark's.

    Args:
        run: the run.
        error: what Spark raised.
        files: surveyed files of the window.
    """
    bucket = run.options.raw_bucket
    if damaged := _damaged_gzip(run, files):
        return JobError(problems_text(bucket, damaged))
    java = getattr(error, "java_exception", None)
    text = java.toString() if java is not None else str(error)
    # Spark's message names the file as a URI: the key that the URI ends with is the file's.
    for file in files:
        if file.format == "parquet" and f"{quote(file.key, safe=_URI)}." in text:
            return JobError(
                problems_text(bucket, [(file.key, "holds pages that Spark cannot read; send it again")])
            )
    return JobError(
        f"Spark failed: {mask_error(' '.join(text.split()))[:500]}; the full trace is in the job's log"
    )


def _damaged_gzip(run: Run, files: Sequence[SourceFile]) -> list[tuple[str, str]]:
    """Large gzip files that cannot be read to their end now."""
    problems = []
    for file in files:
        if not file.gzipped or file.fits_one_read:
            continue
        try:
            for _ in text_chunks(run.storage.open(run.options.raw_bucket, file.key), True):
                pass
        except FileError as found:
            problems.append((file.key, str(found)))
    return problems
