"""Find, list and promote trained models by name."""
