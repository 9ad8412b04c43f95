"""The record of a study: events, the journal's file, and what they add up to."""
