"""Executors: the places where trainings run."""
