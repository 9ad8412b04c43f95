"""Model factories: the user's function, found and called, and the built-in ones."""
