"""Fused training: many trainings in one compiled program, one slot each."""
