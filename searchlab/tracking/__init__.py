"""Trackers: where a study's events go besides the journal."""
