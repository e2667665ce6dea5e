"""Goal-driven design and judgement of pulse sequences for magnetic resonance spectroscopy of the brain."""

__version__ = "0.2.0"
