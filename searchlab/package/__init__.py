"""Directories of trained models: writing them and loading their Keras models."""
