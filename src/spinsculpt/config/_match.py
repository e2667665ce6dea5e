"""Which sequence of the configuration a measured scan is: by its name, or by its kind and echo time."""

import re
from collections.abc import Iterable, Mapping

from spinsculpt.config._sequences import SequenceEntry

TOLERANCE = 1e-3  # s, between the echo time of a header and that of a sequence

# Words in names of sequences and protocols, and the `type` that they stand for; the first that fits counts. What the
# configuration has no type for stands for itself.
_KINDS = (
    (r"hermes|hercules|hyper|isthmus|special|l-?cosy|mslaser|epsi|csi", None),
    (r"mega|mescher|mpress|svs_edit|gaba", "megapress"),
    (r"s-?laser|semi-?laser|probe-sl", "slaser"),
    (r"laser", None),
    (r"steam|svs_st\b|probe-s\b", "steam"),
    (r"press|svs_se|probe-p", "press"),
    (r"spin-?echo", "spin_echo"),
    (r"pulse-?acquire|\bfid\b", "pulse_acquire"),
)
_SPECTRA = {"press": [], "steam": [], "slaser": [], "special": ["diff"], "megapress": ["on", "off"]}  # that are fitted


def guess_kind(words: Iterable[str]) -> str | None:
    """The `type` of a sequence from what headers and file names call it.

    Args:
        words: from the most to the least telling, e.g. name of the sequence, of the protocol, of the file.
    Returns:
        The type; the word itself where the configuration has no such type (hermes); None where nothing is known.

    >>> guess_kind(["%SiemensSeq%\\\\svs_se", "PRESS_35"]), guess_kind(["gaba_editing"]), guess_kind(["HERMES"])
    ('press', 'megapress', 'hermes')
    >>> guess_kind(["localiser"]) is None
    True
    """
    for text in words:
        for pattern, kind in _KINDS:
            found = re.search(pattern, text.lower().replace(" ", "-"))
            if found:
                return kind or found[0]
    return None


def match_sequence(
    sequences: Mapping[str, SequenceEntry],
    labels: Iterable[str],
    kind: str | None,
    echo_time: float | None,
    tolerance: float = TOLERANCE,
) -> tuple[str, str]:
    """The sequence that a scan was measured with.

    One that is called by its name is that one. Otherwise kind and echo time decide, between sequences without designed
    pulses: a header tells nothing of those.

    Args:
        sequences: section of the configuration.
        labels: names of protocol, file or acquisition, in which the name of a sequence may stand as a word.
        kind: of `guess_kind`.
        echo_time: s, or None where unknown.
        tolerance: s, of the echo time.
    Returns:
        Name of the sequence and "", or "" and the reason why there is no such name, as the end of a sentence.
    """
    words = {word.lower() for label in labels for word in re.split(r"[^A-Za-z0-9]+", label)}
    called = [name for name in sequences if name.lower() in words]
    if len(called) == 1:
        return called[0], ""
    if echo_time is None:
        return "", "its echo time is not known"
    fitting = [
        name
        for name, entry in sequences.items()
        if kind in (entry.type, None)
        and entry.echo_time is not None  # the shortest that its pulses allow, which is known when it is built
        and abs(entry.echo_time - echo_time) <= tolerance
        and not entry.slots
    ]
    # No scanner plays ideal pulses: such an entry is meant only where there is no other.
    fitting = [name for name in fitting if not sequences[name].ideal] or fitting
    if len(fitting) == 1:
        return fitting[0], ""
    scan = f"{kind or 'a sequence of unknown kind'} of TE {echo_time * 1e3:g} ms"
    return "", f"{scan} may be {' or '.join(fitting)}" if fitting else f"no sequence of the config is {scan}"


def needed_sequence(kind: str | None, echo_time: float | None) -> dict[str, dict]:
    """What a configuration needs for scans of a sequence that it lacks.

    Args:
        kind: of `guess_kind`.
        echo_time: s.
    Returns:
        The sections `sequences` and `analyses` with one entry each; empty where too little is known.

    >>> needed_sequence("press", 0.0305)["sequences"]
    {'press30p5': {'type': 'press', 'echo_time': 0.0305}}
    >>> needed_sequence("hermes", 0.08)
    {}
    """
    if kind not in _SPECTRA or not echo_time:
        return {}
    name = f"{kind}{echo_time * 1e3:.3g}".replace(".", "p")
    analysis = {"sequence": name} | ({"spectra": _SPECTRA[kind]} if _SPECTRA[kind] else {})
    return {"sequences": {name: {"type": kind, "echo_time": round(echo_time, 6)}}, "analyses": {name: analysis}}
