"""Exits with 0 if the bot in this container is online: asks /healthz where config.toml puts it."""

import os
import sys
from urllib.error import URLError
from urllib.request import urlopen

from bot.config import load_config

port = load_config(None, os.environ).metrics.port
if not port:
    sys.exit("[metrics] port is 0, so nobody can tell how the bot is.")
try:
    with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
        pass
except (URLError, TimeoutError) as error:
    sys.exit(f"not online: {error}")
