"""Start the MLflow server; require a login if one exists (`--profile login`)."""

import configparser
import os
from pathlib import Path

LOGIN = Path.home() / ".mlflow" / "credentials"
CONFIG = "/opt/docker/login.ini"

command = ["mlflow", "server"]
if LOGIN.exists():
    credentials = configparser.ConfigParser()
    credentials.read(LOGIN)
    os.environ["MLFLOW_AUTH_CONFIG_PATH"] = CONFIG
    os.environ["MLFLOW_AUTH_ADMIN_PASSWORD"] = credentials["mlflow"]["mlflow_tracking_password"]
    os.environ["MLFLOW_FLASK_SERVER_SECRET_KEY"] = Path("/secrets/tracking/session-key").read_text()
    command += ["--app-name", "basic-auth"]
os.execvp(command[0], command)
