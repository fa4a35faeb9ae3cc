"""Judges the rows that a processing run accepted, and writes the quality report."""
