"""Run a study: the search loop and what comes before and after it."""
