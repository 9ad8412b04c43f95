"""The MLflow tracker: one run a study, a nested run a trial, projected from the journal."""
