"""Studies submitted to a cluster, which runs them unattended."""
