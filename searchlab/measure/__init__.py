"""The loss and the metrics of models: of all rows at once, in the target's own units."""
