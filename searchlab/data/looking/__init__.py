"""Looking at a data set before training on it: its columns, and what is odd about them."""
