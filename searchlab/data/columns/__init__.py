"""Columns of a data set: which are features, their kinds, and their conversion to numbers."""
