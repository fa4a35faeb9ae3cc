"""Takes one person out of the lake: `job` spreads the work, `raw_objects` and `processed_objects` do it."""
