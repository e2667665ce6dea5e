"""The one gate for what comes from outside: files are bounded before they are parsed, numbers are possible ones.

Files, the configuration and options of the command line pass here, and nothing that has not passed is computed with.
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from spinsculpt.core.errors import SpinsculptError, brief

if TYPE_CHECKING:
    import numpy as np

LARGEST = {"json": 256 << 20, "yaml": 8 << 20, "text": 256 << 20, "raw": 16 << 30}  # bytes
_DEEPEST = 60  # levels of nesting
_MOST = 2_000_000  # values of a YAML file with its aliases written out, or of a configuration

# What physics and hardware allow, with room to spare: lowest, highest, unit. A dotted key comes before a plain one.
RANGES: dict[str, tuple[float, float, str]] = {
    "field": (0.01, 30.0, "T"),
    "central_frequency": (0.4, 1300.0, "MHz"),
    "echo_time": (0.0, 1.0, "s"),
    "te1": (0.0, 1.0, "s"),
    "te2": (0.0, 1.0, "s"),
    "gap_shift": (-10.0, 10.0, "s"),
    "mixing_time": (0.0, 10.0, "s"),
    "repetition_time": (0.0, 100.0, "s"),
    "inversion_time": (0.0, 100.0, "s"),
    "delay": (0.0, 100.0, "s"),
    "duration": (0.0, 10.0, "s"),
    "hard_duration": (0.0, 1.0, "s"),
    "knot_spacing": (1e-7, 10.0, "s"),
    "decay_interval": (0.0, 10.0, "s"),
    "eddy_time": (0.0, 100.0, "s"),
    "t1": (0.0, 100.0, "s"),
    "t2": (0.0, 100.0, "s"),
    "tissue_t1": (1e-3, 30.0, "s"),
    "tissue_t2": (1e-4, 10.0, "s"),
    "dwell": (1e-8, 0.1, "s"),
    "bandwidth": (1.0, 1e7, "Hz"),
    "linewidth": (0.0, 1e4, "Hz"),
    "linewidth_hz": (0.0, 1e4, "Hz"),
    "broadening_hz": (0.0, 1e4, "Hz"),
    "lorentzian": (0.0, 1e4, "Hz"),
    "gaussian": (0.0, 1e4, "Hz"),
    "max_width": (0.0, 1e4, "Hz"),
    "drift": (0.0, 1e4, "Hz"),
    "frequency_jitter": (0.0, 1e4, "Hz"),
    "align.max_shift": (0.0, 1e5, "Hz"),
    "b0_hz": (-1e6, 1e6, "Hz"),
    "pulse_offset_hz": (-1e7, 1e7, "Hz"),
    "offset": (-1e7, 1e7, "Hz"),
    "ppm": (-100.0, 100.0, "ppm"),
    "between_ppm": (-100.0, 100.0, "ppm"),
    "fit_ppm": (-100.0, 100.0, "ppm"),
    "spectra_ppm": (-100.0, 100.0, "ppm"),
    "carrier_ppm": (-1000.0, 1000.0, "ppm"),
    "max_shift": (0.0, 100.0, "ppm"),
    "window": (-100.0, 100.0, "ppm"),
    "windows": (-100.0, 100.0, "ppm"),
    "slice_thickness": (1e-3, 1e4, "mm"),
    "b1_limit": (1e-6, 1e5, "uT"),
    "b1": (-1e6, 1e6, "uT"),
    "gradient": (-1e6, 1e6, "mT/m"),
    "flip_angle": (-36000.0, 36000.0, "degrees"),
    "phase": (-1e6, 1e6, "degrees"),
    "eddy_phase": (0.0, 1e3, "rad"),
    "phase_jitter": (0.0, 1e4, "degrees"),
    "signal": (-1e15, 1e15, ""),  # of a sample; receivers give fewer than 64 bits
    "share": (-1e6, 1e6, ""),  # of a signal of one proton
    "fraction": (0.0, 1.0, ""),  # of a volume
    "b1_scale": (0.0, 100.0, ""),
    "t2_scales": (1e-3, 1e3, ""),
    "grid.points": (1, 4096, ""),
    "extent": (1.0, 1000.0, ""),
    "points": (8, 1 << 20, ""),
    "orders": (-100, 100, ""),
    "hard_pulses": (1, 1000, ""),
    "starts": (1, 100_000, ""),
    "iterations": (1, 10_000_000, ""),
    "checkpoint_every": (1, 10_000_000, ""),
    "components": (1, 1000, ""),
    "averages": (1, 1_000_000, ""),
    "dynamics": (1, 100_000, ""),
    "water_averages": (1, 1_000_000, ""),
    "repeats": (20, 1_000_000, ""),
    "montecarlo.repeats": (5, 1_000_000, ""),
    "seed": (0, 2**63 - 1, ""),
    "step": (0.0, 1e3, ""),
    "initial_amplitude": (0.0, 100.0, ""),
    "tolerance": (1e-12, 1.0, ""),
    "weight": (-1e6, 1e6, ""),
    "snr": (-1e9, 1e9, ""),
    "concentrations": (0.0, 1e5, "mM"),
    "concentration": (0.0, 1e5, "mM"),
}
_ANY = (-1e12, 1e12, "")


def quantity(value: object, key: str, where: object, name: str = "") -> float:
    """A number of a file or an option, as a float.

    Args:
        value: what the file says.
        key: of `RANGES`; its last part decides, so "sequences.press.te1" is a first echo time.
        where: what errors name, e.g. the path of the file.
        name: what errors call the number; `key` if empty.
    Raises:
        SpinsculptError: it is no number, not finite, or out of the range that physics and hardware allow.
    """
    low, high, unit = _range(key)
    # bool is an int in Python, but true is no echo time
    fine = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    if not fine:
        raise SpinsculptError(
            f"{where}: {name or key} is {str(value)[:40]}; it must be a number from {low:.10g} to {high:.10g}"
            f"{unit and f' {unit}'}.{_guess_unit(value, high, unit)}"
        )
    return float(value)  # type: ignore[arg-type]


def _guess_unit(value: object, high: float, unit: str) -> str:
    """The value in s, of a time that looks like ms."""
    if unit == "s" and isinstance(value, int | float) and high < value <= 1e5 and 1e-3 * value <= high:
        return f" {value:g} looks like ms: {1e-3 * value:g} s."
    return ""


def samples(values: object, key: str, where: object, name: str = "") -> "np.ndarray":
    """A list of numbers of a file as float64, shape (len(values),), each as `quantity` asks for."""
    import numpy as np

    low, high, _ = _range(key)
    array = _plain_array(values)
    if array is None:
        raise SpinsculptError(f"{where}: {name or key} is no list of numbers; write the file again.")
    bad = np.flatnonzero(~((array >= low) & (array <= high)))  # NaN is neither
    if bad.size:
        quantity(float(array[bad[0]]), key, where, f"{name or key}[{bad[0]}]")
    return array


def check_nesting(content: object, where: object) -> None:
    """Check that nested maps have keys of text, and that maps and lists end where a configuration does.

    Raises:
        SpinsculptError: a key is no text, or what aliases stand for is nested or repeated without end.
    """
    for path, value in _walk(content, where):
        for key in value if isinstance(value, dict) else ():
            if not isinstance(key, str):
                place = ".".join([*path, str(key)])
                raise SpinsculptError(f"{where}: the key {place[:60]} is no text; put it in quotes.")


def check_numbers(content: object, where: object) -> None:
    """Check all numbers of nested maps and lists against `RANGES`, by their keys.

    Raises:
        SpinsculptError: a number is not finite or out of its range, or there is more nesting than a file needs.
    """
    for path, value in _walk(content, where):
        if isinstance(value, int | float) and not isinstance(value, bool):
            quantity(value, ".".join(path), where)


def read_text(path: Path | str, largest: int = LARGEST["text"], encoding: str = "utf-8", errors: str = "strict") -> str:
    """The text of a file, refused before it is read when it is too large.

    Raises:
        SpinsculptError: it is missing, a folder, unreadable, too large or no text.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise SpinsculptError(f"{path}: this is a folder; name a file.")
        refuse_pipe(path)
        with path.open("rb") as file:
            large = os.fstat(file.fileno()).st_size > largest
            content = b"" if large else file.read(largest + 1)  # a pipe has no size
        if large or len(content) > largest:
            raise SpinsculptError(f"{path}: is larger than {largest >> 20} MB, which no such file is; name another.")
        return content.decode(encoding, errors).removeprefix("\ufeff")
    except SpinsculptError:
        raise
    except FileNotFoundError:
        raise SpinsculptError(f"{path}: there is no such file; correct the path.") from None
    except UnicodeDecodeError:
        raise SpinsculptError(f"{path}: this is no text in UTF-8; save it as such, or name another file.") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise SpinsculptError(f"{path}: cannot be read ({brief(error)}); make it readable or name another.") from None


def check_size(path: Path | str, largest: int = LARGEST["raw"]) -> None:
    """Refuse a file that is larger than any of its kind, before a library reads it into memory.

    Raises:
        SpinsculptError: as `read_text`, of what cannot be asked for its size, and of what is too large.
    """
    try:
        large = Path(path).stat().st_size > largest
    except FileNotFoundError:
        raise SpinsculptError(f"{path}: there is no such file; correct the path.") from None
    except (OSError, ValueError) as error:
        raise SpinsculptError(f"{path}: cannot be read ({brief(error)}); make it readable or name another.") from None
    refuse_pipe(path)
    if large:
        raise SpinsculptError(f"{path}: is larger than {largest >> 20} MB, which no such file is; name another.")


def refuse_pipe(path: Path | str) -> None:
    """Refuse a named pipe or a device, which would be waited for without end; a pipe of the shell, `<(...)`, is fine.

    Raises:
        SpinsculptError: it is one.
    """
    path = Path(path)
    if (
        not path.exists()
        or path.is_file()
        or path.is_dir()
        or path.parts[:3] in (("/", "dev", "fd"), ("/", "proc", "self"))
    ):
        return
    raise SpinsculptError(f"{path}: is a pipe or a device, not a file; name the file itself.")


def read_json(path: Path | str, what: str = "JSON file") -> dict:
    """The table in a JSON file whose numbers are all finite.

    Raises:
        SpinsculptError: as `read_text`, or it is no JSON, no table, too deep, or holds NaN or an infinite number.
    """
    try:
        content = json.loads(read_text(path, LARGEST["json"]), parse_constant=_refuse_constant)
    except RecursionError:
        raise SpinsculptError(f"{path} is no {what}: it is nested without end; write it again.") from None
    except json.JSONDecodeError as error:
        raise SpinsculptError(f"{path} is no {what} ({brief(error)}); write it again.") from error
    except _NotFinite as error:
        raise SpinsculptError(f"{path}: holds {error}, which is no number; write it again.") from None
    if not isinstance(content, dict):
        raise SpinsculptError(f"{path} is no {what}: it holds no table of keys; write it again.")
    return content


def read_yaml(path: Path | str) -> Any:
    """The content of a YAML file, by the quick C parser, which is asked first how much there is.

    Raises:
        SpinsculptError: as `read_text`, or it is no YAML, too deep, or its aliases stand for more than memory holds.
    """
    text = read_text(path, LARGEST["yaml"])
    try:
        if not Path(path).resolve().is_relative_to(Path(__file__).parents[1]):  # ours need no looking through
            _bound(yaml.parse(text, Loader=yaml.CSafeLoader), path)
        return yaml.load(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        if isinstance(error, SpinsculptError):
            raise
        raise SpinsculptError(f"{path}: this is no readable YAML file ({brief(error)}); correct it.") from error


def _walk(content: object, where: object) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value of nested maps and lists with its keys, without recursion."""
    left = _MOST
    stack: list[tuple[tuple[str, ...], Any]] = [((), content)]
    while stack:
        path, value = stack.pop()
        left -= 1
        if len(path) > _DEEPEST or left < 0:
            raise SpinsculptError(f"{where}: it is nested or repeated without end; write it plainly, without aliases.")
        yield path, value
        if isinstance(value, dict):
            stack += [((*path, str(key)[:60]), inner) for key, inner in value.items()]
        elif isinstance(value, list | tuple):
            stack += [((*path, str(number)), inner) for number, inner in enumerate(value)]


class _NotFinite(ValueError):
    """NaN or an infinite number in JSON."""


def _refuse_constant(word: str) -> float:
    raise _NotFinite(word)


def _bound(events: Iterable, path: Path | str) -> None:
    """Refuse YAML whose nesting or whose aliases, written out, exceed what a file of ours can need."""
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []  # anchor, and the values before it
    count = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            count += sizes.get(event.anchor, _MOST)  # of one that is still open: without end
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, count))
            count += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = count - before
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor:
                sizes[event.anchor] = 1
        if len(open_nodes) > _DEEPEST or count > _MOST:
            raise SpinsculptError(f"{path}: it is nested or repeated without end; write it plainly, without aliases.")


def _range(key: str) -> tuple[float, float, str]:
    """The range of the last two parts of a dotted key, of the last or of the one before; the first that has one."""
    parts = [part for part in key.split(".") if not part.isdigit()]
    names = [".".join(parts[-2:]), *reversed(parts[-2:])]
    return next((RANGES[name] for name in names if name in RANGES), _ANY)


def _plain_array(values: object) -> "np.ndarray | None":
    """A list of numbers as float64; None if it is anything else, such as a nested list, text or complex numbers."""
    import numpy as np

    try:
        array = np.asarray(values)
    except (ValueError, TypeError, OverflowError):
        return None
    return array.astype(float) if array.ndim == 1 and array.dtype.kind in "fiu" else None
