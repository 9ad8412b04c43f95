"""Data sets: reading, checking, splitting and preprocessing them."""
