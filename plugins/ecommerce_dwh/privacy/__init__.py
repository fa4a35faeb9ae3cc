"""Personal data in texts: its detection, and its masking before a text is shown."""
