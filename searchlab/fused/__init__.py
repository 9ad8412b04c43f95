"""Fused training: many trainings in one compiled program, a slot each."""
