"""Pages of HTML about studies: one self-contained file each, for browsers and for MLflow."""
