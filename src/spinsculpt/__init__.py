"""Goal-driven design and judgement of pulse sequences for magnetic resonance spectroscopy of the brain."""

from importlib.metadata import version

__version__ = version("spinsculpt")
