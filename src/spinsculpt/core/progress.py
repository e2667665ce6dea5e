"""One line of progress for who waits at a terminal; jobs, notebooks and tests see nothing of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

DELAY = 1.0  # s: short work is silent
_wanted: ContextVar[bool] = ContextVar("progress", default=False)


@contextmanager
def shown() -> Iterator[None]:
    """Work within shows its line, if standard error is a terminal."""
    before = _wanted.set(True)
    try:
        yield
    finally:
        _wanted.reset(before)


@contextmanager
def bar(total: int, what: str) -> Iterator[Callable[[], object]]:
    """A line that says how much is done and the time left; yields what is to be called after each of `total` steps.

    >>> with bar(2, "fits of models") as step:
    ...     step()
    """
    if not _wanted.get():
        yield lambda: None
        return
    from tqdm import tqdm

    words = "{desc}: {n_fmt} of {total_fmt}, {remaining} left"
    with tqdm(total=total, desc=what, bar_format=words, leave=False, delay=DELAY, disable=None) as line:
        yield line.update
