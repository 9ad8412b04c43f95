"""Training: one job from its first epoch to its last."""
