"""Values and helpers that every other room builds on."""
