"""Model factories: the user's function and the built-in ones."""
