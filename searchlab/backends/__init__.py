"""Search backends: the libraries that decide what is tried next, one file each."""
