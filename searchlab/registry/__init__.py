"""Trained models by name: finding, listing and promoting them."""
