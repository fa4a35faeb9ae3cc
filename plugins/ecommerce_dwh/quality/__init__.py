"""The quality report, the gate that judges it, and the Data quality page of the web UI."""
