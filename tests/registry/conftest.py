"""The trackers' fixtures, for the stores in which models are registered."""

from tracking.conftest import home, model_file, uri  # noqa: F401 - fixtures
