"""Studies that run on a cluster without the process that sent them there."""
