"""Rows on their way through the processing job: typed, judged, deduplicated, put into sessions."""
