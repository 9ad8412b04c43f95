"""HTML pages about studies: one self-contained file each, for browsers and for MLflow."""
