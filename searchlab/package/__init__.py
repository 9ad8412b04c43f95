"""A trained model's directory: writing it and loading the Keras model in it."""
