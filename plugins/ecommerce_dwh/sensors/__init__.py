"""Sensors: raw files of a window, and the quality gate (for any DAG)."""
