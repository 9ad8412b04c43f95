"""The study file: its types, safe reading, and clear reports of problems."""
