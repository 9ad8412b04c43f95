"""Check that the MLflow server answers, and requires a login if and only if one exists."""

import sys
import urllib.error
import urllib.request
from pathlib import Path

LOGIN = Path.home() / ".mlflow" / "credentials"
QUESTION = "http://127.0.0.1:5000/api/2.0/mlflow/experiments/get?experiment_id=0"

try:
    with urllib.request.urlopen(QUESTION, timeout=8) as answer:
        status = answer.status
except urllib.error.HTTPError as error:
    status = error.code
except OSError as error:
    sys.exit(f"the MLflow server does not answer: {error}")
wanted = 401 if LOGIN.exists() else 200
if status != wanted:
    sys.exit(f"the MLflow server answers {status} instead of {wanted}: restart it")
