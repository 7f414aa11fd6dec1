"""Where the files of the user lie: settings, presets of their own, the console's history."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def config_folder() -> Path:
    """Return the folder of the settings: the environment's ``NODEVIZ_CONFIG_DIR``, else the platform's own place."""
    chosen = os.environ.get("NODEVIZ_CONFIG_DIR")
    return Path(chosen) if chosen else platformdirs.user_config_path("nodeviz", appauthor=False)
