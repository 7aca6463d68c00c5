"""What all tests may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.checkpoints import fetch
from bot.config import cache_folder

# The same examples in every run, and as long as the machine takes for each.
settings.register_profile("house", derandomize=True, deadline=None)
settings.load_profile("house")


@pytest.fixture(scope="session")
def starters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with every starter's checkpoint in it; fetched where it is not there yet.

    It holds nothing else: whether a bot has prepared the models here for OpenVINO changes no test.
    """
    cache = cache_folder(os.environ)
    for model in Catalogue.load():
        if model.starter:
            fetch(model, cache)
    own = tmp_path_factory.mktemp("cache")
    (own / "checkpoints").symlink_to(cache / "checkpoints")
    return own
