"""Examples in docstrings are specification: of the small pure functions, and they hold."""

import doctest
import importlib

import pytest

MODULES = [
    "bids._layout",
    "cli._options",
    "compare._power",
    "conventions",
    "fit._baseline",
    "fit._result",
    "plan._scanners",
    "preprocess._quality",
    "sequences._build",
    "spins._operators",
    "study._baseline",
    "study._config",
    "study._fit",
    "study._match",
    "study._section",
    "study._spectra",
    "tables",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name):
    found = doctest.testmod(importlib.import_module(f"spinsculpt.{name}"))
    assert found.attempted > 0
    assert found.failed == 0
