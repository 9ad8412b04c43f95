"""Trained models in use: loading them, predicting raw rows, serving, exporting."""
