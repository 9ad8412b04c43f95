"""Search backends: the libraries that choose the next params, one file each."""
