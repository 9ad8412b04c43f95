"""searchlab: hyperparameter search for Keras models, with every trial in MLflow."""

__version__ = "0.1.0"
