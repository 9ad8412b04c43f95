"""Trackers: what becomes of the journal's events outside of it."""
