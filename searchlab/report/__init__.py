"""What a study comes to, for people and for scripts."""
