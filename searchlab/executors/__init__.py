"""Executors: where trainings run."""
