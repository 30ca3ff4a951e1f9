"""Fixtures of the tests of gates, sign-offs and evidence."""

import importlib.util
import sys
from pathlib import Path

import pytest

from migration.settings import Settings

_NAME = "invented_lake"
if _NAME not in sys.modules:
    _spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).parents[1] / "load" / "lake.py")
    assert _spec is not None and _spec.loader is not None
    _module = importlib.util.module_from_spec(_spec)
    sys.modules[_NAME] = _module
    _spec.loader.exec_module(_module)

from invented_lake import Lake  # noqa: E402


@pytest.fixture
def lake(settings: Settings) -> Lake:
    """An empty lake."""
    return Lake(settings)
