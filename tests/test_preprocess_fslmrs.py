"""FSL-MRS in place of the builtin preprocessing: how its programs are called, what is refused, what comes back."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from spinsculpt.config import Preprocess, Steps
from spinsculpt.core.conventions import ppm_to_hz
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.nifti import MRSData, read_fids, write_fids
from spinsculpt.preprocess import find_fsl_mrs_preproc, preprocess_scan, preprocess_water

REPOSITORY = Path(__file__).resolve().parents[1]
POINTS, DWELL, CENTRAL = 2048, 1 / 2000, 127.732
TIME = np.arange(POINTS) * DWELL
EDITING = ("ON", "OFF")
EARLIER = {"Program": "scanner", "Version": "1", "Method": "Conversion", "Details": ""}


def section(engine: str = "fsl_mrs", **steps: bool) -> Preprocess:
    return Preprocess(engine=engine, steps=Steps(**steps))


def lines(*peaks: tuple[float, float], width: float = 4.0) -> np.ndarray:
    """Lorentzian lines of (ppm, amplitude), `width` Hz wide."""
    return sum(a * np.exp((2j * np.pi * ppm_to_hz(p, CENTRAL) - np.pi * width) * TIME) for p, a in peaks)


BRAIN = lines((2.008, 12.0), (3.027, 9.0), (3.2, 9.0), (3.91, 6.0), (2.35, 2.0))
EDITED = BRAIN + lines((3.0, 4.0))
WATER = lines((4.65, 1e3), width=6.0)


def noise(*shape: int, sd: float = 0.05) -> np.ndarray:
    generator = np.random.default_rng(1)
    return sd * (generator.standard_normal(shape) + 1j * generator.standard_normal(shape))


def scan(folder: Path, name: str, fids: np.ndarray, *dims: str) -> Path:
    """A file whose header names the subject and an earlier step."""
    header = {"EchoTime": 0.03, "PatientName": "Smith", "ProcessingApplied": [EARLIER]}
    write_fids(folder / name, MRSData(fids, DWELL, CENTRAL, dims, header))
    return folder / name


@pytest.fixture
def press(tmp_path) -> tuple[Path, Path]:
    """A scan of eight equal averages, and its water reference."""
    data = np.repeat(BRAIN[:, None], 8, axis=1) + noise(POINTS, 8)
    return scan(tmp_path, "press.nii.gz", data, "DIM_DYN"), scan(tmp_path, "water.nii.gz", WATER)


@pytest.fixture
def mega(tmp_path, press) -> tuple[Path, Path]:
    """A scan of alternating ON and OFF, and its water reference."""
    data = np.stack([EDITED, BRAIN] * 4, axis=1) + noise(POINTS, 8)
    return scan(tmp_path, "mega.nii.gz", data, "DIM_DYN"), press[1]


def clean(data: Path, water: Path | None, section: Preprocess, conditions: tuple = ()) -> tuple[MRSData, dict]:
    folder = data.parent
    preprocess_scan(data, water, folder / "o.nii.gz", folder / "o.json", folder / "o.png", section, conditions)
    assert (folder / "o.png").stat().st_size > 5000
    return read_fids(folder / "o.nii.gz"), json.loads((folder / "o.json").read_text())


def refused(words: list[str], *arguments) -> None:
    with pytest.raises(SpinsculptError) as error:
        clean(*arguments)
    assert not [word for word in words if word not in str(error.value)], str(error.value)
    assert not (arguments[0].parent / "o.nii.gz").exists()


STUB = """#!{python}
import json, sys
from pathlib import Path
import nibabel
import numpy as np
from spinsculpt.data.nifti import MRSData, read_fids, write_fids

given = dict(zip(sys.argv[1::2], sys.argv[2::2])) if len(sys.argv) % 2 else dict(zip(sys.argv[1:7:2], sys.argv[2:7:2]))
data, water, out = read_fids(given["--data"]), read_fids(given["--reference"]), Path(given["--output"])
Path(__file__).with_suffix(".json").write_text(
    json.dumps({{"arguments": sys.argv[1:], "dims": data.dims, "shape": data.fids.shape, "header": data.header}})
)
kept = [k for k in range(data.size("DIM_DYN")) if k != 2]
header = {{
    "ProcessingApplied": [{{"Program": "FSL-MRS", "Version": "9.9", "Method": "Phasing", "Details": ""}}],
    "DIM_DYN Indices": {{"Value": kept, "Description": "kept"}},
}}
{body}
def write(name, fid, **more):
    path = out / (name + ".nii.gz")
    broken = not np.isfinite(fid).all()
    write_fids(path, MRSData(np.nan_to_num(fid), data.dwell, data.central_frequency, header=header))
    if broken:  # we write no such file ourselves
        image = nibabel.load(path)
        bad = np.full_like(np.asanyarray(image.dataobj), np.nan)
        nibabel.save(nibabel.Nifti2Image(bad, image.affine, image.header), path)
if "DIM_EDIT" in data.dims:
    del header["DIM_DYN Indices"]
    for k in (0, 1):
        write("edit_" + str(k), factor * data.select("DIM_EDIT", k).fids.mean(axis=1))
else:
    write("metab", factor * data.fids[:, kept].mean(axis=1))
write("wref", 7 * water.fids.reshape(water.points))
"""


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """Programs of the names of FSL-MRS's that average all but the third; `body` runs before they write."""

    def install(body: str = "factor = 1") -> Path:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name in ("fsl_mrs_preproc", "fsl_mrs_preproc_edit"):
            (folder / name).write_text(STUB.format(python=sys.executable, body=body))
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        return folder

    return install


def test_the_result_of_the_program_is_the_clean_scan(press, stub):
    called = stub() / "fsl_mrs_preproc.json"
    result, quality = clean(*press, section())
    averages = read_fids(press[0]).fids
    np.testing.assert_allclose(result.fid.samples, np.delete(averages, 2, axis=1).mean(axis=1), rtol=1e-5)
    assert [step["Program"] for step in result.header["ProcessingApplied"]] == ["scanner", "FSL-MRS"]
    assert result.header["EchoTime"] == 0.03 and "DIM_DYN Indices" not in result.header
    assert quality["engine"] == "fsl_mrs" and quality["provenance"]["fsl_mrs_version"] == "9.9"
    assert [step["Program"] for step in quality["steps"]] == ["FSL-MRS"]
    assert quality["rejected"] == {"all": [2]} and quality["rejected_fraction"] == 1 / 8
    assert quality["snr"] > 50 and quality["linewidth_hz"] == pytest.approx(4.0, abs=0.5)
    call = json.loads(called.read_text())
    assert call["dims"] == ["DIM_DYN"] and "--remove-water" in call["arguments"]
    assert "Smith" not in str(call["header"])


def test_conditions_are_handed_over_and_come_back_as_on_and_off(mega, stub):
    called = stub() / "fsl_mrs_preproc_edit.json"
    result, _ = clean(*mega, section(reject=False), EDITING)
    assert result.dim_headers["DIM_EDIT"]["EditCondition"] == ["ON", "OFF"]
    averages = read_fids(mega[0]).fids
    np.testing.assert_allclose(result.fids[:, 0], averages[:, ::2].mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(result.fids[:, 1], averages[:, 1::2].mean(axis=1), rtol=1e-5)
    call = json.loads(called.read_text())
    assert (call["dims"], call["shape"]) == (["DIM_DYN", "DIM_EDIT"], [POINTS, 4, 2])


def test_coils_are_left_to_the_program_whatever_their_axis(tmp_path, stub):
    sensitivity = np.array([1.0, 0.5j, -0.2])
    data = np.multiply.outer(np.repeat(BRAIN[:, None], 4, axis=1), sensitivity)
    water = scan(tmp_path, "water.nii.gz", np.multiply.outer(WATER, sensitivity), "DIM_COIL")
    scanned = scan(tmp_path, "coils.nii.gz", data + noise(*data.shape), "DIM_DYN", "DIM_COIL")
    called = stub("sys.exit(3)") / "fsl_mrs_preproc.json"
    refused(["status 3"], scanned, water, section())
    call = json.loads(called.read_text())
    assert (call["dims"], call["shape"]) == (["DIM_COIL", "DIM_DYN"], [POINTS, 3, 4])


def test_the_water_reference_is_that_of_the_program(press, stub):
    stub()
    preprocess_water(*press, press[0].parent / "w.nii.gz", section())
    water = read_fids(press[0].parent / "w.nii.gz")
    np.testing.assert_allclose(water.fid.samples, 7 * WATER, rtol=1e-5)
    assert [step["Program"] for step in water.header["ProcessingApplied"]] == ["scanner", "FSL-MRS"]


def test_residual_water_is_measured_where_the_program_writes_none(tmp_path, press, stub):
    """Twice as high as NAA before, and what the program leaves after."""
    stub("factor = 1; data.fids[:] -= 0.036 * water.fids")
    residue = 0.036 * WATER  # 36 / 6 Hz against NAA of 12 / 4 Hz
    data = scan(tmp_path, "wet.nii.gz", read_fids(press[0]).fids + residue[:, None], "DIM_DYN")
    _, quality = clean(data, press[1], section())
    assert quality["residual_water_ratio"] == pytest.approx(2.0, rel=0.1)
    assert quality["removed_water_ratio"] < 0.1


def test_switches_of_the_steps_reach_the_program(press, stub):
    called = stub() / "fsl_mrs_preproc.json"
    clean(*press, section(align=False, reject=False, water_removal=False))
    assert json.loads(called.read_text())["arguments"][6:] == ["--noalign", "--noremoval"]


@pytest.mark.parametrize(
    "body, words",
    [
        ("sys.exit('no peak was found')", ["status 1", "no peak was found"]),
        ("sys.exit(0)", ["ended without metab.nii.gz", "installation"]),
        ("factor = 0", ["zeros", "look at the data"]),
        ("factor = np.nan", ["no readable metab.nii.gz", "look at the data"]),
        ("factor, kept = 1, [0]; data = data.drop('', data.fids[::2])", ["not one FID of 2048"]),
    ],
)
def test_a_failure_of_the_program_is_a_sentence_that_names_the_scan(press, stub, body, words):
    stub(body)
    refused(["press.nii.gz", "fsl_mrs_preproc", *words], *press, section())


def test_an_absent_program_is_said_with_how_to_get_it(press, monkeypatch):
    monkeypatch.setenv("PATH", "")
    refused(["'fsl_mrs_preproc'", "conda", "preprocess: engine: builtin"], *press, section())


@pytest.mark.parametrize("step", ["eddy_current", "reference", "phase"])
def test_steps_that_it_always_does_cannot_be_switched_off(press, stub, step):
    stub()
    refused([f"always does the step {step}", "engine: builtin"], *press, section(**{step: False}))


def test_what_it_lacks_is_refused_before_it_runs(press, mega, stub):
    called = stub()
    refused(["water reference", "table of scans"], press[0], None, section())
    refused(["A and B", "designed pair"], *mega, section(), ("A", "B"))
    refused(["no step reject", "switch it off"], *mega, section(), EDITING)
    refused(["no step lipid_removal"], *press, section(lipid_removal=True))
    refused(["always does the step align"], *mega, section(reject=False, align=False), EDITING)
    refused(["as many averages ON as OFF"], *mega, section(reject=False), ("ON", "OFF", "OFF", "OFF"))
    assert not list(called.glob("*.json"))


def test_a_chosen_and_absent_program_stops_before_any_job(tmp_path):
    if shutil.which("fsl_mrs_preproc"):
        pytest.skip("fsl_mrs_preproc is on PATH here")
    config = yaml.safe_load((REPOSITORY / "tests/data/tiny.yaml").read_text()) | {"preprocess": {"engine": "fsl_mrs"}}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    workflow = ["--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(tmp_path), "--cores", "1"]
    command = [sys.executable, "-m", "snakemake", *workflow, "--configfile", str(tmp_path / "study.yaml")]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode != 0 and "Traceback" not in run.stderr
    assert "'fsl_mrs_preproc'" in run.stderr and "conda" in run.stderr
    assert not (tmp_path / "results").exists()


needs_fsl_mrs = pytest.mark.skipif(
    not (shutil.which("fsl_mrs_preproc") and shutil.which("fsl_mrs_preproc_edit")),
    reason="fsl_mrs_preproc and fsl_mrs_preproc_edit are not on PATH",
)


def spoiled(fid: np.ndarray, shift: float, phase: float) -> np.ndarray:
    return fid * np.exp(1j * (2 * np.pi * shift * TIME + phase))


def amplitude(fid: np.ndarray, line: np.ndarray) -> float:
    """Of a line in an FID, by least squares with the other lines of the brain about it."""
    design = np.stack([line, *(lines((ppm, 1.0)) for ppm in (3.027, 3.2, 3.91, 2.35))], axis=1)
    return float(np.linalg.lstsq(design, fid, rcond=None)[0][0].real)


def naa_over_water(data: Path, water: Path, engine: str) -> tuple[float, dict]:
    result, quality = clean(data, water, section(engine))
    preprocess_water(data, water, data.parent / "w.nii.gz", section(engine))
    reference = read_fids(data.parent / "w.nii.gz").fid.samples
    return amplitude(result.fid.samples, lines((2.008, 12.0))) / np.abs(reference[0]) * np.abs(WATER[0]), quality


@needs_fsl_mrs
@pytest.mark.parametrize("coils", [(), (1.0, 0.5j, -0.7)], ids=["combined", "three coils"])
def test_drift_is_undone_a_spoiled_average_left_out_and_the_scale_kept(tmp_path, coils):
    """NAA is 12 against water in what was measured, so it is after either engine."""
    fids = np.stack([spoiled(BRAIN, 0.3 * k, 0.4) for k in range(16)], axis=1)
    fids[:, 5] += lines((1.3, 60.0), (3.6, 40.0), width=30.0)  # the head moved
    water, dims = spoiled(WATER, 0.0, 0.4), ("DIM_DYN",)
    if coils:
        fids, water = np.einsum("td,c->tcd", fids, coils), np.multiply.outer(water, coils)
        dims = ("DIM_COIL", *dims)
    data = scan(tmp_path, "scan.nii.gz", fids + noise(*fids.shape), *dims)
    reference = scan(tmp_path, "water.nii.gz", water, *dims[:-1])
    heights = []
    for engine in ("builtin", "fsl_mrs"):
        ratio, quality = naa_over_water(data, reference, engine)
        heights.append(quality["snr"] * quality["noise_sd"])
        assert ratio == pytest.approx(1.0, abs=0.02), engine
        assert quality["linewidth_hz"] == pytest.approx(4.0, abs=0.3), engine
        assert quality["rejected"] == {"all": [5]}, engine
    assert heights[1] == pytest.approx(heights[0], rel=0.05)


@needs_fsl_mrs
def test_edited_conditions_differ_by_what_is_edited(mega):
    result, quality = clean(*mega, section(reject=False), EDITING)
    diff = (result.fids[:, 0] - result.fids[:, 1]) / 2
    assert amplitude(diff, lines((3.0, 4.0))) == pytest.approx(0.5, abs=0.05)
    assert quality["subtraction_artefact"] < 0.05
    assert quality["provenance"]["fsl_mrs_version"]


@needs_fsl_mrs
def test_a_scan_of_one_average_is_cleaned_too(press):
    single = scan(press[0].parent, "single.nii.gz", spoiled(BRAIN, 5.0, 0.4) + noise(POINTS))
    result, quality = clean(single, press[1], section())
    assert amplitude(result.fid.samples, lines((2.008, 12.0))) == pytest.approx(1.0, abs=0.05)
    assert "averages" not in quality


@needs_fsl_mrs
def test_both_programs_are_found():
    assert set(find_fsl_mrs_preproc()) == {"fsl_mrs_preproc", "fsl_mrs_preproc_edit"}
