"""From files to a written fit: what the rule `fit` and the command line call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spinsculpt.basis import BasisSet, read_fslmrs, read_jmrui, read_lcmodel, read_nifti
from spinsculpt.config import DIFFERENCES, LIPIDS, Fit, WaterReference, matches, nearest_name, plain
from spinsculpt.core.conventions import FID
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import quantity
from spinsculpt.data.nifti import MRSData, read_fids
from spinsculpt.data.pairing import TIMES, Facts, compare_facts, facts_of_data, refuse_no_water
from spinsculpt.fit._amplitudes import signal_per_proton, water_amplitude, water_per_proton
from spinsculpt.fit._average import refuse_average
from spinsculpt.fit._broad import gaussian_lines, library_for
from spinsculpt.fit._decay import relaxation_of
from spinsculpt.fit._engine import engine_of
from spinsculpt.fit._quantify import T1 as WATER_T1
from spinsculpt.fit._quantify import WaterScaling, own_relaxation, water_scaling
from spinsculpt.fit._resample import monte_carlo, sample_posterior
from spinsculpt.fit._residual import LIPID_NAMES, MACROMOLECULE_NAMES
from spinsculpt.fit._result import FitResult
from spinsculpt.fit._tissue import tissue_of
from spinsculpt.physics.sequences import SUBSPECTRA, combinations_of

IMPLAUSIBLE = 200.0  # mmol/kg of total creatine: ten times what tissue has, so the water is not that of this scan
SHOTS = tuple(set(names) for names in SUBSPECTRA)  # that data of several conditions may hold


def fit_files(
    data: Path | str,
    basis: Mapping[str, Path | str],
    out: Path | str,
    section: Fit,
    engine: str = "builtin",
    water: Path | str | None = None,
    spectra: Sequence[str] = (),
    averages: Path | str | None = None,
) -> FitResult:
    """Fit one preprocessed scan and write the result.

    Args:
        data: NIfTI-MRS file; edited data have the dimension DIM_EDIT with ON and OFF.
        basis: basis (folder of FSL-MRS JSON files or LCModel .basis) of each sub-spectrum; of a one-shot sequence one
            entry under any name.
        out: folder of the result, written whole or not at all.
        section: of the configuration; what it leaves open is decided as for real scans.
        engine: "builtin" or "fsl_mrs".
        water: NIfTI-MRS file of the unsuppressed water; None leaves mM and mmol/kg empty.
        spectra: sub-spectra of edited data, fitted jointly when there are several; empty for a one-shot sequence.
        averages: NIfTI-MRS file of the scan in successive parts along DIM_DYN, as preprocessing writes it, whose
            bootstrap is reported beside the bounds; None for none.
    """
    measured = read_fids(data)
    missing = [label for label in spectra if label not in basis]
    if missing:
        raise SpinsculptError(
            f"{data}: there is no basis for the sub-spectrum {missing[0]!r}, only {', '.join(basis)}."
        )
    if spectra:
        fids = [sub_spectrum(measured, label, str(data)) for label in spectra]
        bases = [basis_at(basis[label]) for label in spectra]
    else:
        fids, bases = [only_spectrum(measured, str(data))], [basis_at(path) for path in basis.values()]
    parts = () if averages is None else parts_of(read_fids(averages), spectra, measured, str(averages))
    scan = Spectra(fids, bases, tuple(spectra) or ("spectrum",), measured, str(data), parts)
    return fit_scan(scan, out, section, engine, water)


@dataclass(frozen=True)
class Spectra:
    """What belongs together in one fit: FIDs, a basis and a label of each, the header they came with, and its file.

    `parts` is each FID in successive parts, shape (points, n), to be resampled; empty where there are none.
    """

    fids: Sequence[FID]
    bases: Sequence[BasisSet]
    labels: Sequence[str]
    header: MRSData
    name: str
    parts: Sequence[np.ndarray] = ()


def fit_scan(
    scan: Spectra, out: Path | str, section: Fit, engine: str = "builtin", water: Path | str | None = None
) -> FitResult:
    """Fit spectra that are in memory, scale them to water and write the result; arguments as of `fit_files`."""
    reference = None if water is None else read_fids(water)
    try:
        result = _fitted(scan, section, engine, reference, str(water))
    except SpinsculptError as error:
        raise error if scan.name in str(error) else SpinsculptError(f"{scan.name}: {error}") from error
    result.write(out, plain(section))
    return result


def fit_measured(
    measured: MRSData,
    sets: Mapping[str, BasisSet],
    section: Fit,
    water: MRSData | None = None,
    name: str = "the data",
) -> FitResult:
    """Fit preprocessed data that are in memory; nothing is written.

    Args:
        measured: one FID, or those of two conditions along DIM_EDIT, which are fitted jointly.
        sets: basis of each condition, or one under any name.
        section: of the configuration; what it leaves open is decided as for real scans.
        water: unsuppressed water reference; None leaves mM and mmol/kg empty.
        name: of the data in messages.
    """
    if "DIM_EDIT" in measured.dims:
        labels = conditions_of(measured)
        if missing := [label for label in labels if label not in sets]:
            raise SpinsculptError(
                f"{name}: there is no basis for the sub-spectrum {missing[0]!r}, only {', '.join(sets)}."
            )
        fids, bases = [sub_spectrum(measured, label, name) for label in labels], [sets[label] for label in labels]
    else:
        labels, fids, bases = ["spectrum"], [only_spectrum(measured, name)], list(sets.values())[:1]
    return _fitted(Spectra(fids, bases, labels, measured, name), section, "builtin", water, "the water reference")


def _with_broad(basis: BasisSet, names: Sequence[str]) -> BasisSet:
    """The basis with macromolecules and lipids of the library, as the Gaussian lines that they are in any sequence."""
    lacking = [name for name in names if name not in basis.names]
    if not lacking:
        return basis
    library = library_for(basis)
    if unknown := [name for name in lacking if name not in library.macromolecules]:
        known = ", ".join(library.macromolecules)
        raise SpinsculptError(f"fit: add: {unknown[0]!r} is no macromolecule or lipid of the library; it has {known}.")
    unit = signal_per_proton(basis)
    lines = [unit * gaussian_lines(library.macromolecules[name], basis) for name in lacking]
    return replace(basis, names=(*basis.names, *lacking), fids=np.vstack([basis.fids, lines]))


def _wants_lipids(scan: Spectra) -> bool:
    """Whether the basis is of another program and lacks lipids; ours have what was asked for, differences hold none."""
    told = [basis.water is not None or any(matches(n, LIPID_NAMES) for n in basis.names) for basis in scan.bases]
    return not any(told) and not DIFFERENCES & set(scan.labels)


def _fitted(scan: Spectra, section: Fit, engine: str, water: MRSData | None, label: str) -> FitResult:
    refuse_other_sequence(scan.header, scan.bases, scan.name, section.water.echo_time)
    wanted, notes = section.add, ()
    if wanted is None and _wants_lipids(scan):
        wanted, notes = LIPIDS, (f"The basis has no lipids: {', '.join(LIPIDS)} of the library were added (fit: add).",)
    if wanted:
        scan = replace(scan, bases=[_with_broad(basis, wanted) for basis in scan.bases])
    if not any(matches(name, MACROMOLECULE_NAMES) for basis in scan.bases for name in basis.names):
        notes += (
            "The basis has no macromolecules, which spectra of short echo times hold: simulate it with them "
            "(spinsculpt basis --macromolecules MM09,MM12,MM14,MM17,MM20,MM37,MM39) or name them in fit: add.",
        )
    scan = replace(scan, bases=_decayed(scan.bases, section.water))
    section = section.settled(measured=True)
    model = section.model(measured=True)  # the workflow has decided what is open for its simulated cohort
    reference = None if water is None else _water(water, scan, label)
    result = engine_of(engine, section, scan.parts)(scan.fids, scan.bases, model, labels=scan.labels)
    result = replace(result, messages=(*notes, *result.messages))
    if reference is not None:
        result = result.with_water(_scaling(result, scan, section.water, reference, label, water))
    repeats, seed = section.repeats, section.seed
    kind = section.resample if engine == "builtin" else "off"  # the numbers of another engine are not ours to repeat
    if kind != "off":
        refuse_average(result, f"resample: {kind}")
    if kind == "posterior":
        return result.with_samples(sample_posterior(result, repeats, seed), f"posterior, {repeats} draws, seed {seed}")
    if kind != "off":
        samples = monte_carlo(result, repeats, seed, kind, processes=1)
        return result.with_samples(samples, f"{kind}, {repeats} fits, seed {seed}")
    return result


def basis_at(path: Path | str) -> BasisSet:
    """A basis: a folder of FSL-MRS JSON files, or a file of jMRUI (.txt), NIfTI-MRS (.nii, .nii.gz) or LCModel."""
    path = Path(path)
    if path.is_dir():
        return read_fslmrs(path)
    if path.is_file():
        readers = {".txt": read_jmrui, ".nii": read_nifti, ".gz": read_nifti}
        return readers.get(path.suffix.lower(), read_lcmodel)(path)
    raise SpinsculptError(f"{path}: there is no such basis; simulate it first or correct the path.")


def sub_spectrum(data: MRSData, name: str, label: str) -> FID:
    """One of the conditions of edited data, or a combination such as DIFF = (ON - OFF) / 2."""
    if data.dims != ("DIM_EDIT",) or data.size("DIM_EDIT") not in map(len, SHOTS):
        raise SpinsculptError(
            f"{label}: the sub-spectrum {name!r} needs data with one dimension DIM_EDIT of two or four conditions, not "
            f"{data.dims or 'none'} of {data.fids.shape[1:]}; preprocess the scan first."
        )
    conditions = conditions_of(data)
    derived = combinations_of(conditions)
    weights = derived.get(name, {name: 1.0})
    if not set(weights) <= set(conditions):
        known = [*conditions, *derived]
        raise SpinsculptError(f"{label}: there is no sub-spectrum {name!r}; choose of {', '.join(known)}.")
    mixture = np.array([weights.get(condition, 0.0) for condition in conditions])
    return FID(data.fids @ mixture, data.dwell, data.central_frequency)


def conditions_of(data: MRSData) -> list[str]:
    """Names of the conditions along DIM_EDIT, in lower case: on and off, a and b of a designed pair, or a, b, c, d."""
    named = [str(each).lower() for each in data.dim_headers.get("DIM_EDIT", {}).get("EditCondition", [])]
    return named if set(named) in SHOTS else ["a", "b", "c", "d"] if data.size("DIM_EDIT") == 4 else ["on", "off"]


def parts_of(averages: MRSData, spectra: Sequence[str], measured: MRSData, label: str) -> list[np.ndarray]:
    """The FID of each sub-spectrum (of the one, where `spectra` is empty) in successive parts, each (points, n)."""
    if averages.dims != (*measured.dims, "DIM_DYN") or averages.fids.shape[:-1] != measured.fids.shape:
        raise SpinsculptError(
            f"{label}: holds {averages.fids.shape} along {averages.dims or 'nothing'}, not the parts of this scan; "
            "give the averages that were written with it."
        )
    parts = [averages.select("DIM_DYN", k) for k in range(averages.size("DIM_DYN"))]
    if not spectra:
        return [np.stack([part.fid.samples for part in parts], axis=1)]
    return [np.stack([sub_spectrum(part, name, label).samples for part in parts], axis=1) for name in spectra]


def only_spectrum(data: MRSData, label: str) -> FID:
    if data.fids.size != data.points:
        raise SpinsculptError(
            f"{label}: holds {data.fids.size // data.points} FIDs along {data.dims}; preprocess it to one first."
        )
    return data.fid


def refuse_other_sequence(
    header: MRSData, bases: Sequence[BasisSet], name: str, echo_time: float | None = None
) -> None:
    """Refuse a basis that was made for another echo time or frequency than the header of the scan states.

    Args:
        header: of the scan.
        bases: of its spectra.
        name: of the scan in messages.
        echo_time: s; what the user states where the header is wrong or silent.
    Raises:
        SpinsculptError: both values differ.
    """
    scan = facts_of_data(header, name)
    if echo_time is not None:
        scan = replace(scan, values={**scan.values, "echo_time": echo_time})
    for basis in bases:
        values = {"frequency": basis.central_frequency}
        if isinstance(time := basis.meta.get("echo_time_s"), int | float):
            values["echo_time"] = float(time)
        label = f"the basis of {basis.meta['sequence']}" if basis.meta.get("sequence") else "the basis"
        compare_facts(scan, Facts(label, values)).refuse(
            "Simulate the basis for the sequence and frequency of the scan; if the header is wrong, state the echo "
            "time of the scan (fit: water: echo_time, in s)."
        )


# Times of the water reference may differ from those of the scan: its relaxation is computed with its own. Points and
# coils are not the same once both are preprocessed.
_CORRECTED = (*TIMES, "dwell", "coils")


def _water(water: MRSData, scan: Spectra, label: str) -> FID:
    facts = facts_of_data(scan.header, scan.name), facts_of_data(water, label)
    compare_facts(*facts).refuse("Give the water reference of the same scan, or none.", _CORRECTED)
    mean = water.fids.reshape(water.points, -1).mean(axis=1)
    refuse_no_water(mean, water.dwell, water.central_frequency, label)
    return FID(mean, water.dwell, water.central_frequency)


def _timing(scan: Spectra, water: WaterReference, reference: MRSData) -> dict:
    """Echo and repetition time (s), tissue, relaxation times for the water scaling: the config's, else the header's."""
    for option, given in (("t1", water.t1), ("t2", water.t2)):
        known = [*WATER_T1, *scan.bases[0].names]
        for name, time in given.items():
            if name not in known:
                raise SpinsculptError(f"fit: water: {option}: {nearest_name(name, known, 'tissue or metabolite')}")
            quantity(time, f"tissue_{option}", f"fit: water: {option}", name)
    differs = DIFFERENCES & set(scan.labels)  # a difference has no whole singlets
    basis = scan.bases[0]
    return {
        "basis_per_proton": 1.0 if differs and basis.water is None else water_per_proton(basis),
        "relaxation": relaxation_of(basis),
        "relaxation_sd": plain(water.relaxation_sd),
        "decay": _decay(basis),
        "echo_time": water.echo_time or scan.header.header.get("EchoTime"),
        "repetition_time": water.repetition_time or scan.header.header.get("RepetitionTime"),
        "water_echo_time": water.echo_time or reference.header.get("EchoTime"),
        "water_repetition_time": water.repetition_time or reference.header.get("RepetitionTime"),
        "tissue": tissue_of(plain(water.tissue), scan.header, scan.name),
        "t1": water.t1,
        "t2": water.t2,
    }


def _decay(basis: BasisSet) -> dict[str, tuple[float, float]]:
    """Times in s that each signal spends in the plane and along z, of a basis that knows them."""
    told = basis.meta.get("decay_s")
    if not isinstance(told, dict):
        return {}
    keys = ("transverse", "along_z")
    return {
        name: tuple(quantity(times[key], "delay", "The basis", f"decay_s of {name}") for key in keys)
        for name, times in told.items()
        if isinstance(times, dict) and set(keys) <= set(times)
    }


def _decayed(bases: Sequence[BasisSet], water: WaterReference) -> list[BasisSet]:
    """Bases in proportion to the first: shots of another echo time have decayed more, each metabolite by its T1 and T2.

    Concentrations are shared by all shots, and relaxation is taken off them by the times of the first afterwards.
    """
    first, *others = bases
    known, times = own_relaxation(relaxation_of(first), water.t1, water.t2), _decay(first)
    found = [first]
    for basis in others:
        weights = np.ones(len(basis.names))
        for name, (plane, along_z) in _decay(basis).items():
            if name in times and name in known and name in basis.names:
                t1, t2 = known[name]
                weights[basis.index(name)] = np.exp((times[name][0] - plane) / t2 + (times[name][1] - along_z) / t1)
        found.append(replace(basis, fids=basis.fids * weights[:, None]))
    return found


def _scaling(
    result: FitResult, scan: Spectra, section: WaterReference, reference: FID, label: str, header: MRSData
) -> WaterScaling:
    timing = _timing(scan, section, header)
    if timing["echo_time"] is None or timing["repetition_time"] is None:
        raise SpinsculptError(
            f"{label}: water scaling needs the echo and the repetition time, which the header of the data lacks; "
            "set fit: water: echo_time and repetition_time (s)."
        )
    scaling = water_scaling(water_amplitude(reference, label), **timing)
    creatine, sd = result.concentrations.total(result.reference())
    if (creatine - 3.0 * sd) * scaling.molal > IMPLAUSIBLE:  # in a difference spectrum creatine is anything
        raise SpinsculptError(
            f"{label}: with this water reference {'+'.join(result.reference())} would be "
            f"{creatine * scaling.molal:.0f} mmol/kg; it looks like a water-suppressed scan or one with another "
            "scaling. Give the right file, or none."
        )
    return scaling
