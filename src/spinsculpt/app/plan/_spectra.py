"""Shots and sub-spectra of the sequences of a configuration, which nobody has built yet."""

from collections.abc import Mapping
from pathlib import Path

from spinsculpt.config import PER_SHOT, DesignEntry, SequenceEntry


def spectra_of(entry: SequenceEntry, designs: Mapping[str, DesignEntry]) -> tuple[str, ...]:
    """Names of the sub-spectra that an entry of `sequences` gives, shots first; none for a sequence of one shot."""
    shots = shots_of(entry, designs)
    if len(shots) < 2:
        return ()
    from spinsculpt.physics.sequences import combinations_of

    if entry.echo_times:
        return (*shots, "mean")
    played = _designed_shots(entry, designs)
    if entry.type == "special" and played:
        return (*shots, *played)
    return (*shots, *combinations_of(shots))


def shots_of(entry: SequenceEntry, designs: Mapping[str, DesignEntry]) -> tuple[str, ...]:
    """Names of the shots of an entry of `sequences`; none for a sequence of one shot."""
    played = _designed_shots(entry, designs)
    if entry.edit:
        shots = played
    elif entry.type in ("megapress", "megaslaser"):
        shots = tuple(entry.editing.ppm)
    elif entry.echo_times:
        shots = tuple(f"te{time * 1e3:g}".replace(".", "p") for time in entry.echo_times)
    elif entry.echo_shifts:
        shots = tuple(f"ct{k + 1}" for k in range(len(entry.echo_shifts)))
    elif entry.type == "special":
        shots = tuple(shot + state for shot in played or ("",) for state in ("on", "off"))
    elif entry.type == "file":
        shots = tuple(entry.files)
    else:
        shots = played
    return shots if len(shots) > 1 else ()


def _designed_shots(entry: SequenceEntry, designs: Mapping[str, DesignEntry]) -> tuple[str, ...]:
    """Names of the shots whose pulses a design of several made for an entry of `sequences`; else none."""
    from spinsculpt.physics.pulses import read_designed
    from spinsculpt.physics.sequences import is_pulse_file, shot_names

    for slot, value in entry.slots.items():
        if value in designs:
            given = designs[value]
            count = 2 if given.kind.endswith("_pair") else given.shots
            count *= given.kind.removesuffix("_pair") in PER_SHOT
        elif is_pulse_file(value) and Path(value).is_file():
            found = read_designed(value)
            count = max(len(found.pulses), len(found.echo_times)) if slot in PER_SHOT else 1
        else:
            continue
        if count > 1:
            return shot_names(count)
    return ()
