"""The short surface for notebooks, `import spinsculpt as ss`: times in ms, and objects that show themselves.

Every function here is a few calls of the packages below, which have the full choice.
"""

import html
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from spinsculpt import basis as _basis
from spinsculpt.basis import BasisSet, basis_library
from spinsculpt.config import (
    ECHO_TIMES,
    Compare,
    Convert,
    DesignEntry,
    Editing,
    Fit,
    Preprocess,
    SequenceEntry,
    SystemEntry,
    parse,
    shot_of_file,
)
from spinsculpt.config import Basis as BasisSettings
from spinsculpt.core.colours import BLUE, VERMILION
from spinsculpt.core.conventions import FID, to_spectrum
from spinsculpt.data.nifti import MRSData, read_fids
from spinsculpt.fit import FitResult
from spinsculpt.physics.sequences import Sequence, build_sequence

_SHOWN = (0.2, 4.2)  # ppm
_BROADENING = 3.0  # Hz, so that pictures resemble good spectra in vivo

_EDITED = Editing().ppm


def press(te: float | None = 30.0, te1: float | None = None, **entry) -> Sequence:
    """PRESS of real pulses; `te` and `te1` in ms, None is the shortest that the system can play.

    Args:
        te, te1: echo times in ms.
        entry: `system` ("clinical", "prisma-like", ...), `ideal`, `name`, and the other keys of a sequence of the
            configuration (`refocusing`, `gap`, ...). What holds here holds for the other sequences, too.
    """
    return _sequence("press", te, te1=_seconds(te1), **entry)


def megapress(
    te: float = 1e3 * ECHO_TIMES["megapress"],
    on: float = _EDITED["on"],
    off: float = _EDITED["off"],
    te1: float | None = None,
    **entry,
) -> Sequence:
    """MEGA-PRESS with editing pulses at `on` and `off` ppm; te and te1 in ms, te1 None is the shortest."""
    return _sequence("megapress", te, te1=_seconds(te1), editing={"ppm": {"on": on, "off": off}}, **entry)


def steam(te: float | None = None, tm: float = 1e3 * SequenceEntry.mixing_time, **entry) -> Sequence:
    """STEAM; te and tm in ms."""
    return _sequence("steam", te, mixing_time=tm * 1e-3, **entry)


def slaser(te: float | None = None, **entry) -> Sequence:
    """semi-LASER; te in ms."""
    return _sequence("slaser", te, **entry)


def special(te: float | None = None, **entry) -> Sequence:
    """SPECIAL, whose DIFF is localised; te in ms."""
    return _sequence("special", te, **entry)


def pulseq(path: Path | str, orders: list[int] | None = None, name: str | None = None) -> Sequence:
    """A sequence of a Pulseq file (.seq, extra `pulseq`), or of a .json of spinsculpt or FSL-MRS.

    Args:
        path: of the file.
        orders: coherence order that each spoiler keeps, in their order, where the file does not say it.
        name: of the sequence; that of the file if None.
    """
    name = name or Path(path).stem
    return _sequence("file", 0.0, name=name, files={shot_of_file(name): str(path)}, orders=orders or [])


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds * 1e-3


def _sequence(kind: str, te: float | None, **entry) -> Sequence:
    system = SystemEntry(preset=entry.pop("system", "clinical")).limits()
    frequency, designs = entry.pop("central_frequency", None), entry.pop("designs", {})
    name = entry.pop("name", None) or kind + ("" if te is None or kind == "file" else f"{te:g}".replace(".", "p"))
    content = {"type": kind, "echo_time": _seconds(te), **entry}
    at = {} if frequency is None else {"central_frequency": frequency}
    return build_sequence(name, parse(SequenceEntry, content, f"the sequence {name}"), designs, system=system, **at)


@dataclass(frozen=True)
class Basis:
    """Basis sets of the sub-spectra of one sequence.

    Attributes:
        sequence: that was simulated.
        sets: {name of the sub-spectrum: its basis set}; one of a sequence of one shot.
        settings: the section `basis` of the configuration that they were made with.
    """

    sequence: Sequence
    sets: dict[str, BasisSet]
    settings: BasisSettings = field(repr=False, default=BasisSettings())

    @property
    def names(self) -> tuple[str, ...]:
        return self._first.names

    @property
    def _first(self) -> BasisSet:
        return next(iter(self.sets.values()))

    def __getitem__(self, name: str) -> BasisSet | np.ndarray:
        """The basis set of a sub-spectrum, or the FID of a metabolite where there is one sub-spectrum."""
        return self.sets[name] if name in self.sets else self._first[name]

    def __repr__(self) -> str:
        first = self._first
        shots = f" of each of {', '.join(self.sets)}" if len(self.sets) > 1 else ""
        return (
            f"Basis of {self.sequence.name}: {len(first.names)} functions{shots}, {first.points} points, "
            f"{1 / first.dwell:g} Hz, {first.central_frequency:.3f} MHz"
        )

    def _repr_html_(self) -> str:
        return _with_picture(repr(self), self.plot())

    def write(self, folder: Path | str) -> None:
        """Write as FSL-MRS JSON, one file a metabolite, one folder a sub-spectrum."""
        from spinsculpt.basis import write_basis

        write_basis(self.sets, folder)

    def plot(self, names: Iterable[str] = (), ppm: tuple[float, float] = _SHOWN):
        """Spectra one above the other, each relative to its highest peak, at 3 Hz; returns a matplotlib figure."""
        wanted = list(names) or list(self.names)
        rows = {
            label: [
                to_spectrum(one[name] * np.exp(-3 * np.pi * one.dwell * np.arange(one.points))).real for name in wanted
            ]
            for label, one in self.sets.items()
        }
        peak = [max(np.abs(spectra[k]).max() for spectra in rows.values()) or 1.0 for k in range(len(wanted))]
        figure, axes = _figure(len(rows), 0.8 + 0.3 * len(wanted))
        for axis, (label, spectra) in zip(axes, rows.items(), strict=True):
            for k, spectrum in enumerate(spectra):
                axis.plot(self.sets[label].ppm, 0.9 * spectrum / peak[k] - k, color=BLUE, lw=0.8)
            axis.set(title=label if len(rows) > 1 else self.sequence.name, xlim=ppm[::-1])
        axes[0].set_yticks(-np.arange(len(wanted)), wanted)
        return figure


def simulate_basis(
    sequence: Sequence,
    metabolites: Iterable[str] = BasisSettings.metabolites,
    macromolecules: Iterable[str] = BasisSettings.macromolecules,
    **settings,
) -> Basis:
    """The basis set of a sequence.

    Args:
        sequence: of this module, or any other `Sequence`.
        metabolites, macromolecules: names of the library, as `spinsculpt.physics.spins.load_library()` lists them.
        settings: keys of the section `basis` of the configuration, e.g. field=7.0, points=4096, library="mine.yaml".
    """
    content = {"metabolites": list(metabolites), "macromolecules": list(macromolecules), **settings}
    section = parse(BasisSettings, content, "simulate_basis")
    return Basis(sequence, _basis.simulate_basis(sequence, section, threads=2), section)


def crlb(bases: Basis | Iterable[Basis], pair: tuple[str, str] = ("Glu", "Gln"), **fit) -> pd.DataFrame:
    """Cramér-Rao bounds in % of sequences at equal scan time: what an unbiased fit reaches at best.

    Noise is that of the first basis at the SNR of the configuration's default; T2 decay of each metabolite is in.

    Args:
        bases: of one or several sequences.
        pair: whose ratio is judged.
        fit: keys of the section `fit`, e.g. baseline="spline:5".
    Returns:
        One row a sequence, the best bound of the ratio first: the bound of each of the pair, of their ratio, and their
        correlation.
    """
    from spinsculpt.compare import Analysis, all_bounds, noise_of_study

    bases = [bases] if isinstance(bases, Basis) else list(bases)
    settings = parse(Compare, {"pair": list(pair)}, "crlb")
    model = parse(Fit, fit, "crlb").model(measured=False)
    analyses = [Analysis(each.sequence.name, each.sequence, _fitted_sets(each)) for each in bases]
    library = basis_library(bases[0].settings)
    noise = noise_of_study(analyses[0], library, settings)
    rows = []
    for analysis in analyses:
        found = all_bounds(analysis, library, model, settings, noise)
        percent = dict(zip(found.names, map(float, found.percent), strict=True))
        a, b, r = percent[pair[0]], percent[pair[1]], float(found.correlation(*pair))
        ratio = float(np.sqrt(max(0.0, a * a + b * b - 2 * r * a * b)))
        names = (f"{pair[0]} (%)", f"{pair[1]} (%)", f"{pair[1]}/{pair[0]} (%)", "correlation")
        rows.append({"sequence": analysis.name, **dict(zip(names, (a, b, ratio, r), strict=True))})
    return pd.DataFrame(rows).sort_values(f"{pair[1]}/{pair[0]} (%)", ignore_index=True)


def _fitted_sets(basis: Basis) -> dict[str, BasisSet]:
    """Sub-spectra that are fitted: both shots of an edited sequence jointly, DIFF of SPECIAL, else the only one."""
    if len(basis.sets) == 1:
        return basis.sets
    if basis.sequence.name.startswith("special"):
        return {"diff": basis.sets["diff"]}
    return {shot.name: basis.sets[shot.name] for shot in basis.sequence.shots}


@dataclass(frozen=True)
class DesignResult:
    """A designed pulse and what it is worth.

    Attributes:
        name: of the design.
        pulse: its waveform (of the first shot, of a pair).
        metrics: content of metrics.json.
        history: loss of each step.
        designed: pulses and times, for `sequence`.
        entry: that was designed, defaults filled in.
    """

    name: str
    pulse: object
    metrics: dict = field(repr=False)
    history: pd.DataFrame = field(repr=False)
    designed: object = field(repr=False)
    entry: DesignEntry = field(repr=False)

    @property
    def verdict(self) -> str:
        """The sentence that holds the pulse against its rivals."""
        return self.metrics["verdict"]["sentence"]

    def __repr__(self) -> str:
        return (
            f"Design {self.name}: {self.pulse.duration * 1e3:g} ms, {self.pulse.peak_b1:.1f} uT, loss "
            f"{self.metrics['loss']:.4f}. {self.verdict}"
        )

    def _repr_html_(self) -> str:
        return _with_picture(repr(self), self.plot())

    def sequence(self, **entry) -> Sequence:
        """The sequence that plays the pulse: that of the design, pulse-acquire for an excitation."""
        slot = self.entry.kind.removesuffix("_pair")
        kind = {"excitation": "pulse_acquire", "edit": "megapress"}.get(slot, self.entry.sequence)
        given = {
            slot: self.name,
            "designs": {self.name: self.designed},
            "ideal": self.entry.ideal,
            "name": self.name,
        }
        return _sequence(kind, 0.0, **(given | entry))

    def plot(self):
        """Waveform, and loss over the steps of every start; returns a matplotlib figure."""
        figure, (left, right) = _figure(2, 2.6, share=False)
        pulse = self.pulse
        time = 1e3 * pulse.dwell * (np.arange(len(pulse.b1)) + 0.5)
        left.plot(time, pulse.b1.real, color=BLUE, label="B1x")
        left.plot(time, pulse.b1.imag, color=VERMILION, label="B1y")
        left.set(xlabel="time (ms)", ylabel="B1 (uT)", title=self.name)
        left.legend(frameon=False)
        for _, rows in self.history.groupby("start"):
            right.plot(rows["step"], rows["loss"], lw=0.8)
        right.set(xlabel="step", ylabel="loss", title="course of every start")
        return figure


def design_pulse(
    name: str = "pulse", basis: Mapping | None = None, out: Path | str | None = None, **entry
) -> DesignResult:
    """Design a pulse by gradient descent through the spin dynamics (needs the extra `design`).

    Args:
        name: of the design; letters and digits.
        basis: section `basis` of the configuration, as far as it differs from the defaults.
        out: folder for pulse.json, metrics.json and the tables; none are kept if None.
        entry: keys of an entry of `designs`: kind="gap", echo_time=0.036 (s), duration=0.01, metabolites=[...],
            objectives=[...], starts, iterations, ...
    """
    from spinsculpt.design import run_design
    from spinsculpt.physics.pulses import read_designed

    content = parse(DesignEntry, {"kind": "gap", **entry}, "design_pulse")
    section = parse(BasisSettings, basis or {}, "design_pulse: basis")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(out) if out else Path(temporary) / "design"
        metrics = run_design(name, content, section, folder, progress=False)
        history = pd.read_csv(folder / "history.tsv", sep="\t")
        designed = read_designed(folder / "pulse.json")
    return DesignResult(name, next(iter(designed.pulses.values())), metrics, history, designed, content)


@dataclass(frozen=True)
class CleanScan:
    """A converted and cleaned scan.

    Attributes:
        data: the spectrum, or those of the conditions along DIM_EDIT.
        water: the unsuppressed water reference, or None.
        quality: content of the quality control.
        name: of the file it came from.
    """

    data: MRSData = field(repr=False)
    water: MRSData | None = field(repr=False)
    quality: dict = field(repr=False)
    name: str

    def __repr__(self) -> str:
        one, head = self.data, self.data.header
        te = f", TE {head['EchoTime'] * 1e3:g} ms" if head.get("EchoTime") else ""
        with_water = "with" if self.water is not None else "without"
        return (
            f"Scan {self.name}: {one.points} points, {one.central_frequency:.3f} MHz{te}, "
            f"SNR {self.quality['snr']:.0f}, linewidth {self.quality['linewidth_hz']:.1f} Hz, "
            f"{with_water} water reference"
        )

    def _repr_html_(self) -> str:
        return _with_picture(repr(self), self.plot())

    def plot(self, ppm: tuple[float, float] = _SHOWN):
        """The real part of each spectrum; returns a matplotlib figure."""
        fids = self.data.fids.reshape(self.data.points, -1)
        figure, (axis,) = _figure(1, 3.0)
        for fid in fids.T:
            one = FID(fid, self.data.dwell, self.data.central_frequency)
            axis.plot(one.ppm, to_spectrum(one.samples).real, lw=0.8)
        axis.set(xlim=ppm[::-1], title=self.name, yticks=[])
        inside = (one.ppm > ppm[0]) & (one.ppm < ppm[1])
        values = to_spectrum(fids.T).real[:, inside]
        axis.set_ylim(values.min() - 0.05 * np.ptp(values), values.max() + 0.05 * np.ptp(values))
        return figure


def read_scan(
    raw: Path | str | Iterable[Path | str],
    water: Path | str | None = None,
    edited: Iterable[str] = (),
    **preprocess,
) -> CleanScan:
    """Read one scan of any format that `spinsculpt import` knows, and clean it.

    Args:
        raw: file, folder of a DICOM series, or several that are repetitions.
        water: of the unsuppressed reference; the file itself where it holds both.
        edited: conditions of successive averages, e.g. ("ON", "OFF").
        preprocess: keys of the section `preprocess` of the configuration.
    """
    from spinsculpt.data.convert import convert_scan
    from spinsculpt.data.subjects import Scan
    from spinsculpt.preprocess import preprocess_scan, preprocess_water

    converting, section = Convert(check_echo_time=False), parse(Preprocess, preprocess, "read_scan")
    files = [raw] if isinstance(raw, str | Path) else list(raw)
    line = Scan("01", "", "scan", str(files[0]))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        measured, reference = folder / "svs.nii.gz", folder / "mrsref.nii.gz" if water else None
        convert_scan(files, line, "svs", measured, folder / "svs.json", converting)
        if water:
            convert_scan([water], line, "mrsref", reference, folder / "mrsref.json", converting)
        clean, picture, order = folder / "clean.nii.gz", folder / "page.png", list(edited)
        quality = preprocess_scan(measured, reference, clean, folder / "qc.json", picture, section, order)
        if water:
            preprocess_water(measured, reference, folder / "water.nii.gz", section, order, folder / "qc.json")
        data = read_fids(clean)
        return CleanScan(data, read_fids(folder / "water.nii.gz") if water else None, quality, Path(files[0]).name)


def fit_spectrum(data: CleanScan | MRSData | FID | Path | str, basis: Basis | BasisSet, **section) -> FitResult:
    """Fit a spectrum with a basis.

    Args:
        data: a clean scan (its water reference gives mM), NIfTI-MRS data or their file, or an FID.
        basis: of its sequence at its frequency; edited data are fitted jointly.
        section: keys of the section `fit` of the configuration, e.g. baseline="spline", ppm=[0.5, 4.0]; what it leaves
            open is as for real scans (the average over 24 models).
    """
    from spinsculpt.fit import fit_measured

    name = data.name if isinstance(data, CleanScan) else str(data) if isinstance(data, str | Path) else "the data"
    water = data.water if isinstance(data, CleanScan) else None
    if isinstance(data, CleanScan):
        data = data.data
    elif isinstance(data, str | Path):
        data = read_fids(data)
    elif isinstance(data, FID):
        data = MRSData(data.samples, data.dwell, data.central_frequency)
    checked = parse(Fit, section, "fit_spectrum")
    sets = basis.sets if isinstance(basis, Basis) else {"spectrum": basis}
    return fit_measured(data, sets, checked, water, name)


def _figure(columns: int, height: float, share: bool = True):
    from spinsculpt.core.plotting import Picture

    figure = Picture(figsize=(7.0 if columns < 3 else 3.0 * columns, height), layout="constrained")
    axes = figure.subplots(1, columns, sharey=share, squeeze=False)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_xlabel("chemical shift (ppm)")
    return figure, axes


def _with_picture(text: str, figure) -> str:
    """A sentence and a picture for a notebook."""
    from base64 import b64encode
    from io import BytesIO

    stream = BytesIO()
    figure.savefig(stream, dpi=110)
    image = b64encode(stream.getvalue()).decode()
    return f'<p>{html.escape(text)}</p><img alt="{html.escape(text)}" src="data:image/png;base64,{image}">'
