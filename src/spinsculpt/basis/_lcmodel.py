r"""LCModel .basis files: namelists and spectra.

The spectra are FFTs, divided by sqrt(N), of the zero-filled complex conjugate of an FFT-positive FID, first point at
the receiver frequency (4.65 ppm). Checked against LCModel's own test set and source.
"""

import re
from pathlib import Path

import numpy as np

from spinsculpt.basis._basisset import BasisSet
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.folders import checked_name
from spinsculpt.core.gate import quantity, read_text, samples
from spinsculpt.core.provenance import atomic_path

_NAMELIST = re.compile(r"[$&](\w+)(.*?)(?:\$END|&END|\n\s*/)", re.DOTALL | re.IGNORECASE)
_SETTING = re.compile(r"(\w+)\s*=\s*('[^']*'|[^,\n$&]+)")
# Fortran leaves out the E of exponents of three digits: 0.1234-100.
_NUMBER = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+)[-+]\d{3}(?![\d.])|[-+]?(?:\d+\.\d*|\.?\d+)(?:[EeDd][-+]?\d+)?")
_SHORT_EXPONENT = re.compile(r"(?<=[\d.])(?=[-+])")


def write_lcmodel(basis: BasisSet, path: Path | str) -> None:
    """Write a .basis file of the metabolites; LCModel simulates macromolecules itself."""
    spectra_length = 2 * basis.points
    macromolecules = basis.meta.get("macromolecules", ())
    sequence = str(basis.meta.get("sequence", "press"))
    lines = [
        " $SEQPAR",
        f" FWHMBA = {basis.linewidth / basis.central_frequency:.6f},",
        f" HZPPPM = {basis.central_frequency:.6f},",
        f" ECHOT = {basis.meta.get('echo_time_s', 0.0) * 1e3:.2f},",
        f" SEQ = '{sequence[:5]}'",
        " $END",
        " $BASIS1",
        f" IDBASI = 'spinsculpt {sequence} {basis.meta.get('subspectrum', '')}',",
        " FMTBAS = '(2E15.6)',",
        f" BADELT = {basis.dwell:.9f},",
        f" NDATAB = {spectra_length}",
        " $END",
    ]
    for name, fid in zip(basis.names, basis.fids, strict=True):
        if name in macromolecules:
            continue
        spectrum = np.fft.fft(np.conj(fid), spectra_length) / np.sqrt(spectra_length)
        lines += [
            " $NMUSED",
            " XTRASH = 0.00",
            " $END",
            " $BASIS",
            f" ID = '{name}',",
            f" METABO = '{name}',",
            " CONC = 1.,",
            " TRAMP = 1.,",
            " VOLUME = 1.,",
            " ISHIFT = 0",
            " $END",
        ]
        lines += [f"{value.real:15.6E}{value.imag:15.6E}" for value in spectrum]
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


def read_lcmodel(path: Path | str) -> BasisSet:
    """Read a .basis file of LCModel or of any program that writes them (FIDs as long as the spectra in the file)."""
    path = Path(path)
    if not path.is_file():
        raise SpinsculptError(f"There is no basis file {path}.")
    text = read_text(path, errors="replace")
    matches = list(_NAMELIST.finditer(text))
    settings = [(match[1].upper(), dict(_settings(match[2]))) for match in matches]
    header = {key: value for name, values in settings if name in ("SEQPAR", "BASIS1") for key, value in values.items()}
    try:
        points, dwell, frequency = int(header["NDATAB"]), _fortran(header["BADELT"]), _fortran(header["HZPPPM"])
        # Programs write -1 where they do not know it.
        linewidth, echo_time = (max(_fortran(header.get(each) or "0"), 0.0) for each in ("FWHMBA", "ECHOT"))
        linewidth, echo_time = linewidth * frequency, echo_time * 1e-3
    except (KeyError, ValueError) as error:
        raise SpinsculptError(f"{path} is no LCModel basis file: {error} is missing or no number.") from error
    if dwell < 0:
        raise SpinsculptError(
            f"{path}: BADELT is {dwell:g} s. A negative one marks the scrambled form of a basis, which LCModel alone "
            "reads. Simulate a basis with `spinsculpt basis`, or get this one unscrambled from who made it."
        )
    for value, key in ((dwell, "dwell"), (frequency, "central_frequency"), (echo_time, "echo_time")):
        quantity(value, key, path)
    names, fids = [], []
    for k, (name, values) in enumerate(settings):
        if name != "BASIS":
            continue
        end = matches[k + 1].start() if k + 1 < len(matches) else len(text)
        numbers = np.array([_fortran(n) for n in _NUMBER.findall(text[matches[k].end() : end])])
        samples(numbers, "signal", path)
        if len(numbers) != 2 * points:
            raise SpinsculptError(
                f"{path}: {values.get('METABO', '?')} has {len(numbers) // 2} points but NDATAB says {points}, "
                "the file is truncated or damaged."
            )
        try:
            scale = _fortran(values.get("TRAMP", "1")) / (
                _fortran(values.get("VOLUME", "1")) * _fortran(values.get("CONC", "1"))
            )
            shift = int(values.get("ISHIFT", 0))
        except (ValueError, ZeroDivisionError) as error:
            raise SpinsculptError(f"{path}: a TRAMP, VOLUME, CONC or ISHIFT is wrong ({error}).") from error
        spectrum = np.roll(numbers[::2] + 1j * numbers[1::2], -shift) * scale
        names.append(checked_name(values.get("METABO"), f"{path}: METABO"))
        fids.append(np.conj(np.fft.ifft(spectrum)) * np.sqrt(points))
    if not names:
        raise SpinsculptError(f"{path} holds no spectrum.")
    meta = {"sequence": header.get("SEQ", "")}
    if echo_time:
        meta["echo_time_s"] = echo_time
    return BasisSet(tuple(names), np.array(fids), dwell, frequency, linewidth, meta).of_file(path)


def _fortran(number: str) -> float:
    """A number as Fortran writes it: D for E, or an exponent without either.

    >>> _fortran("0.1234D-02"), _fortran("-.5-100")
    (0.001234, -5e-101)
    """
    number = number.upper().replace("D", "E")
    return float(number if "E" in number else _SHORT_EXPONENT.sub("E", number))


def _settings(body: str):
    for key, value in _SETTING.findall(body):
        yield key.upper(), value.strip().strip("'").strip()
