"""Reading of data sets from files, databases, functions and libraries."""
