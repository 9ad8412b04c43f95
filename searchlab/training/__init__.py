"""Training: data, model factories, and one training from its first epoch to its last."""
