"""Examples in docstrings are specification: of the small pure functions, and they hold."""

import doctest
import importlib

import pytest

MODULES = [
    "data.bids._layout",
    "app.cli._options",
    "compare._power",
    "core.conventions",
    "fit._baseline",
    "fit._result",
    "app.plan._scanners",
    "preprocess._quality",
    "physics.sequences._build",
    "physics.spins._operators",
    "config._baseline",
    "config._config",
    "config._fit",
    "config._match",
    "config._section",
    "config._spectra",
    "core.tables",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name):
    found = doctest.testmod(importlib.import_module(f"spinsculpt.{name}"))
    assert found.attempted > 0
    assert found.failed == 0
