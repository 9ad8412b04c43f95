"""Facts and values that every other room builds on."""
