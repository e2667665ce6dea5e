"""Real scans of several vendors, from raw file to the table of the fit; -s prints the numbers of docs/quality.md."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from entries import build_sequence, simulate_basis
from spinsculpt.basis import write_basis
from spinsculpt.config import Basis, Convert, Fit, Limits, Preprocess
from spinsculpt.core.conventions import FID
from spinsculpt.data.convert import convert_scan
from spinsculpt.data.nifti import MRSData, read_fids
from spinsculpt.data.subjects import Scan
from spinsculpt.fit import fit_files
from spinsculpt.preprocess import failures, preprocess_scan
from spinsculpt.preprocess._coils import coil_weights

BRAIN = ["NAA", "NAAG", "Cr", "PCr", "GPC", "PCh", "Glu", "Gln", "GABA", "GSH", "Ins", "Tau", "Lac"]
TOLD = ("snr", "linewidth_ppm", "drift_hz", "removed_water_ratio", "subtraction_artefact", "outside_ratio", "singlets")
RATIOS = ("Glu", "Gln", "NAA+NAAG", "Ins", "GABA", "EtOH")  # printed over total creatine, with their CRLB
GROUPS = ["MM09", "MM12", "MM14", "MM17", "MM20", "MM37", "MM39"]

pytestmark = [pytest.mark.xdist_group("real data"), pytest.mark.usefixtures("no_pages")]


@dataclass(frozen=True)
class Example:
    """A raw scan and how it is fitted; paths below the folder of real data."""

    data: str
    water: str = ""
    sequence: dict = field(default_factory=lambda: {"type": "press", "echo_time": 0.030})
    conditions: tuple[str, ...] = ()
    spectra: tuple[str, ...] = ()
    metabolites: tuple[str, ...] = tuple(BRAIN)
    macromolecules: tuple[str, ...] = tuple(GROUPS)
    fit: dict = field(default_factory=dict)


PHILIPS = "philips_press30/sub-01_ses-01_PRESS"
TWIX = "siemens_twix_phantom/sub-SiemensBrainPhantom_seq-svsse_ref-1_avg-{}.dat"
MEGA = {"type": "megapress", "echo_time": 0.068, "te1": 0.010}
MEGA["editing"] = {"shape": "gaussian", "duration": 0.014, "ppm": {"on": 1.9, "off": 7.46}}
PHANTOM = {"metabolites": ("Lac", "Ace"), "macromolecules": (), "fit": {"ppm": [0.8, 2.3], "baseline": "spline:4"}}
EXAMPLES = {
    "philips": Example(f"{PHILIPS}_raw-act_noID.SDAT", f"{PHILIPS}_raw-ref_noID.SDAT"),
    "nulled": Example(f"{PHILIPS}-Inverted_TI-600_raw-act_noID.SDAT", f"{PHILIPS}-Inverted_TI-600_raw-ref_noID.SDAT"),
    "megapress": Example(
        "megapress",  # the fixture
        sequence=MEGA,
        conditions=("ON", "OFF"),
        spectra=("diff",),
    ),
    "twix30": Example(TWIX.format(1), TWIX.format(1), **PHANTOM),
    "twix40": Example(TWIX.format(2), TWIX.format(2), {"type": "press", "echo_time": 0.040}, **PHANTOM),
    "steam": Example(
        "nifti_mrs_7t/metab_raw.nii.gz",
        "nifti_mrs_7t/wref_raw.nii.gz",
        {"type": "steam", "echo_time": 0.011, "mixing_time": 0.032},
    ),
    "rda": Example("siemens_exports/SVS_30.rda"),
    "dicom": Example(
        "siemens_exports/SVS_XA60.dcm",
        metabolites=("EtOH",),
        macromolecules=(),
        fit={"ppm": (0.5, 4.1), "baseline": "spline:6"},
    ),
}


@dataclass(frozen=True)
class Finished:
    """What the chain made of an example."""

    converted: MRSData
    water: MRSData | None
    clean: MRSData
    quality: dict
    table: pd.DataFrame


@pytest.fixture(scope="module")
def finished(evidence, request, tmp_path_factory):
    """Runs an example through the chain, once."""
    data = evidence / "data"

    @cache
    def run(name: str) -> Finished:
        example, folder = EXAMPLES[name], tmp_path_factory.mktemp(name)
        scan = Scan("01", "", name, example.data, example.water)
        paths = {}
        for suffix, raw in (("svs", example.data), ("mrsref", example.water)):
            if raw:
                paths[suffix] = folder / f"{suffix}.nii.gz"
                source = request.getfixturevalue(raw) if raw == "megapress" else data / raw
                convert_scan([source], scan, suffix, paths[suffix], folder / f"{suffix}.json", Convert())
        clean = folder / "clean.nii.gz"
        outputs = (clean, folder / "qc.json", folder / "page.png")
        quality = preprocess_scan(paths["svs"], paths.get("mrsref"), *outputs, Preprocess(), example.conditions)
        result = read_fids(clean)
        bases = basis_of(example, result, folder)
        section = Fit(**example.fit)
        fit_files(clean, bases, folder / "fit", section, spectra=example.spectra)
        water = read_fids(paths["mrsref"]) if "mrsref" in paths else None
        table = pd.read_csv(folder / "fit/summary.csv", index_col="Metab")
        told = [f"{key} {quality[key]:.3g}" for key in TOLD if key in quality]
        told += [
            f"{each} {row['/Cr+PCr']:.2f} ({row['%CRLB']:.0f} %)" for each, row in table.iterrows() if each in RATIOS
        ]
        print(f"\n{name}: " + ", ".join(told))
        return Finished(read_fids(paths["svs"]), water, result, quality, table)

    return run


def basis_of(example: Example, scan: MRSData, folder: Path) -> dict[str, Path]:
    """The basis of an example, sampled as its scan; one folder a sub-spectrum."""
    chosen = {
        "field": round(scan.central_frequency / 42.577, 2),
        "central_frequency": scan.central_frequency,
        "points": scan.points,
        "bandwidth": 1 / scan.dwell,
        "metabolites": list(example.metabolites),
        "macromolecules": list(example.macromolecules),
    }
    section = Basis(**chosen)
    sequence = build_sequence("example", example.sequence, {}, scan.central_frequency)
    sets = simulate_basis(sequence, section)
    for name, basis in sets.items():
        write_basis({name: basis}, folder / "basis" / name)
    return {name: folder / "basis" / name for name in (example.spectra or sets)}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_scan_ends_in_a_table(finished, name):
    table = finished(name).table
    assert {"mM", "%CRLB", "SNR", "FWHM"} <= set(table.columns)
    assert set(EXAMPLES[name].metabolites) <= set(table.index)
    nothing = table["flag"].isin(["at zero", "no signal"])  # of which there is no SD in per cent
    assert np.isfinite(table.loc[~nothing, "%CRLB"]).all()


def test_drift_and_alternating_sign_of_the_megapress_scan_are_taken_off(finished):
    """Drift of 13 Hz and every second average inverted: creatine, which is not edited, cancels; GABA and Glx stay."""
    scan = finished("megapress")
    assert scan.quality["drift_hz"] == pytest.approx(13.0, abs=0.5)
    on, off = (FID(fid, scan.clean.dwell, scan.clean.central_frequency) for fid in scan.clean.fids.T)
    diff = FID((on.samples - off.samples) / 2, on.dwell, on.central_frequency)
    noise = np.std(diff.spectrum.real[(diff.ppm > 8) & (diff.ppm < 11)])
    left = {name: residual(diff, off, ppm, noise) for name, ppm in (("tCr 3.9", (3.86, 3.99)), ("tCho", (3.15, 3.28)))}
    print("\nleft in DIFF, of the peak in OFF:", {name: round(value, 4) for name, value in left.items()})
    assert max(left.values()) < 0.03  # nothing edited lies on these two
    for ppm in ((2.9, 3.1), (3.68, 3.82)):  # GABA, Glx
        inside = (diff.ppm > ppm[0]) & (diff.ppm < ppm[1])
        assert diff.spectrum.real[inside].mean() > 10 * noise / np.sqrt(inside.sum())
    assert scan.table["%CRLB"]["GABA"] < 20 and scan.table["%CRLB"]["Glu"] < 6  # with the noise of the residual


def residual(diff: FID, off: FID, ppm: tuple[float, float], noise: float) -> float:
    """Root mean square of DIFF about a straight line, noise taken off, over the height of the line of OFF there."""
    inside = (diff.ppm > ppm[0]) & (diff.ppm < ppm[1])
    values, place = diff.spectrum.real[inside], diff.ppm[inside]
    left = values - np.polyval(np.polyfit(place, values, 1), place)
    return float(np.sqrt(max(0.0, np.mean(left**2) - noise**2)) / off.spectrum.real[inside].max())


@pytest.mark.parametrize("name", ["twix30", "twix40", "steam"])
def test_coils_are_combined_for_nearly_the_best_snr(finished, name):
    """Against the whitened singular vector of the scan itself; the noise is measured where neither took it from."""
    scan = finished(name)
    coils, points = scan.converted.size("DIM_COIL"), scan.converted.points
    assert coils == (4 if name == "steam" else 34)
    fids = np.moveaxis(scan.converted.fids, 1, 0).reshape(coils, points, -1)
    signal, tail = fids[:, : points // 8].mean(axis=2), fids[:, -points // 4 :]
    first, last = (int(moment / scan.converted.dwell) for moment in (0.13, 0.20))
    quiet = tail if name == "steam" else fids[:, first:last]
    whitening = np.linalg.inv(np.linalg.cholesky(np.cov(tail.reshape(coils, -1))))
    left, _, _ = np.linalg.svd(whitening @ signal, full_matrices=False)

    def snr(weights: np.ndarray) -> float:
        return float(np.linalg.norm(weights @ signal) / np.std(np.tensordot(weights, quiet, 1)))

    best = snr(left[:, 0].conj() @ whitening)
    plain = snr(np.exp(-1j * np.angle(np.sum(signal * signal[:1].conj(), axis=1))))  # phases alone
    ours = snr(coil_weights(scan.water, scan.converted))
    print(f"\n{name}: combined SNR {ours / best:.3f} of the optimum, phases alone {plain / best:.3f}")
    assert ours > max(0.95 * best, plain)


def test_the_7_tesla_scan_keeps_what_seven_tesla_resolve(finished):
    scan = finished("steam")
    assert scan.converted.central_frequency == pytest.approx(297.2, abs=0.1)
    assert scan.quality["averages"] == 16 and scan.quality["linewidth_ppm"] < 0.06
    ratio = scan.table["/Cr+PCr"]
    assert 0.8 < ratio["Glu"] < 1.8 and scan.table["%CRLB"]["Glu"] < 10
    at_three = finished("philips").table["%CRLB"]["Gln"]
    assert scan.table["%CRLB"]["Gln"] < 30 < at_three, "of half the SNR, but apart from Glu"


@pytest.mark.parametrize("name", ["philips", "rda"])
def test_brains_at_three_tesla_give_plausible_ratios(finished, name):
    """NAA, Glu and Ins over total creatine as in any healthy brain; water (in the rda 48 times NAA) is gone."""
    scan = finished(name)
    assert scan.quality["removed_water_ratio"] < 0.5
    ratio = scan.table["/Cr+PCr"]
    assert 1.0 < ratio["NAA"] + ratio["NAAG"] < 2.2
    assert 0.6 < ratio["Glu"] < 1.8
    assert 0.4 < ratio["Ins"] < 1.4


def test_inversion_leaves_macromolecules(finished):
    """Of the partner with TI 600 ms, NAA is small and the macromolecules at 0.9 ppm are not."""
    full, nulled = (finished(name).clean.fid for name in ("philips", "nulled"))
    ratio = {}
    for name, ppm in (("NAA", (1.95, 2.06)), ("MM09", (0.8, 1.0))):
        inside = (full.ppm > ppm[0]) & (full.ppm < ppm[1])
        ratio[name] = np.abs(nulled.spectrum[inside]).max() / np.abs(full.spectrum[inside]).max()
    assert ratio["NAA"] < 0.35 < ratio["MM09"]


def test_a_phantom_is_no_brain(finished):
    """Nothing is moved onto NAA, creatine and choline that are not there, and the echo in the twix scans is noticed."""
    for name in ("twix30", "twix40"):
        quality = finished(name).quality
        assert quality["singlets"] < 0.4 and quality["applied_shift_hz"] == 0
        assert "outside_ratio" in failures(quality, Limits())
    assert finished("dicom").table["%CRLB"]["EtOH"] < 5
