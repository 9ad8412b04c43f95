"""Present a study's results: text for people, JSON for scripts, HTML for browsers."""
