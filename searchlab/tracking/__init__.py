"""Trackers: receivers of a study's events besides the journal."""
