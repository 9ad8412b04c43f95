"""Use of trained models: load, predict raw rows, evaluate, serve, export."""
