"""Goal-driven design and judgement of pulse sequences for magnetic resonance spectroscopy of the brain.

`import spinsculpt as ss` gives notebooks a short surface; what it needs is imported at first use.
"""

__version__ = "0.2.0"

_NOTEBOOK = (
    *("press", "megapress", "steam", "slaser", "special", "pulseq"),
    *("simulate_basis", "crlb", "design_pulse", "read_scan", "fit_spectrum"),
)

__all__ = ["__version__", *_NOTEBOOK]


def __getattr__(name: str) -> object:
    if name not in _NOTEBOOK:
        raise AttributeError(f"module 'spinsculpt' has no attribute {name!r}; it has {', '.join(_NOTEBOOK)}.")
    from spinsculpt.app import notebook

    return getattr(notebook, name)


def __dir__() -> list[str]:
    return sorted(__all__)
