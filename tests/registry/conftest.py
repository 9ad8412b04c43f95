"""The fixtures of trackers: models are registered in their stores."""

from tracking.conftest import home, model_file, uri  # noqa: F401 - fixtures
