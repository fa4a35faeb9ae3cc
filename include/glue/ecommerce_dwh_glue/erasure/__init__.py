"""Takes one person out of the lake: `job` spreads the work, `eraser` works on one object, the others on its parts."""
