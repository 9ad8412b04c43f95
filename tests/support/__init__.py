"""Helpers for tests of several folders; those of one folder stay beside its tests."""
