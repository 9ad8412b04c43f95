"""Data sets: their reading, checks, splits and preprocessing."""
