"""The Python interface: running studies and looking at them, as `import searchlab` offers it."""
