"""Studies that a cluster runs by itself."""
