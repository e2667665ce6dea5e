"""Results that come back: kept by their arguments, as many as fit into some memory."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import wraps
from threading import Lock
from typing import ParamSpec, TypeVar

import numpy as np

Arguments, Result = ParamSpec("Arguments"), TypeVar("Result")


def remembered(megabytes: float) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Decorator: a function gives its latest results again, as long as they take less memory than this.

    For functions of hashable arguments whose results are arrays, or tuples and lists of them; these become read-only.
    A result that is larger than all of the memory is not kept.
    """

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        kept: OrderedDict[tuple, tuple[Result, int]] = OrderedDict()
        lock, used = Lock(), 0

        @wraps(function)
        def call(*arguments: Arguments.args) -> Result:
            nonlocal used
            with lock:
                if arguments in kept:
                    kept.move_to_end(arguments)
                    return kept[arguments][0]
            result = function(*arguments)
            size = 0
            for array in _arrays(result):
                array.setflags(write=False)
                size += array.nbytes
            with lock:
                if arguments not in kept and size <= megabytes * 1e6:
                    kept[arguments], used = (result, size), used + size
                while used > megabytes * 1e6:
                    used -= kept.popitem(last=False)[1][1]
            return result

        return call

    return decorate


def _arrays(result: object) -> Iterable[np.ndarray]:
    if isinstance(result, np.ndarray):
        yield result
    elif isinstance(result, (tuple, list)):
        for part in result:
            yield from _arrays(part)
