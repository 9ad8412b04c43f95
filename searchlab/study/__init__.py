"""The study file: its types, reading it safely, and telling what is wrong with it."""
