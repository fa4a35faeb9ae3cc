"""Raw files: what is listed, whether it can be read, and its rows as text."""
