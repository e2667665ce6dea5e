"""Fingerprints from files to files: what is read, what is refused with a sentence, what is written."""

import json
import re
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat
from typer.testing import CliRunner

from conftest import REPOSITORY
from snakefile import snakemake
from spinsculpt.app.cli import app
from spinsculpt.cest.figures import draw_bounds_plane, draw_maps, draw_regions, draw_scatter, draw_schedule
from spinsculpt.cest.modelling import (
    FingerprintScan,
    Model,
    Stage,
    agreement,
    agreement_table,
    fit_scan,
    map_table,
    plane_table,
    protocol_from_table,
    protocol_table,
    read_protocol,
    read_scan,
    region_table,
    scatter_table,
    simulate,
    stages_of,
    timing_table,
    tissue,
    write_fit,
    write_phantom,
)
from spinsculpt.cest.modelling._files import Grid, write_map
from spinsculpt.cest.modelling._tables import _in_picture, connected_regions
from spinsculpt.cest.report import write_fingerprint_report
from spinsculpt.cest.study import FingerprintStudy
from spinsculpt.config import Mrf, parse
from spinsculpt.core.conventions import GAMMA_BAR
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.report.figures import Style

B1, SHAPE = (0, 2, 1, 3.5, 0.6, 2.5), (5, 4, 2)
TABLE = {"b1_uT": list(B1), "offset_ppm": 3.5, "saturation_s": 1.0, "recovery_s": 1.5}
RANGES = {"fs": (0.0, 0.012), "ksw": (20.0, 400.0)}
AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])


def save(path, array, affine=AFFINE):
    nibabel.save(nibabel.Nifti1Image(np.asarray(array, np.float32), affine), path)
    return str(path)


@pytest.fixture
def scan(tmp_path):
    """Stage and scan of 20 voxels of known truth, with a mask, T1 and B1 maps: (stage, scan, true fs, mask)."""
    rng = np.random.default_rng(3)
    mask = np.zeros(SHAPE, bool)
    mask[1:, :, 0] = mask[:2, :2, 1] = True
    count = int(mask.sum())
    fs, t1, b1 = rng.uniform(0.002, 0.010, count), rng.uniform(1.0, 1.6, count), rng.uniform(0.9, 1.1, count)
    table = tissue({"fs": fs, "ksw": 150.0, "T1": t1, "B1": b1})
    images = np.zeros((*SHAPE, 6))
    images[mask] = simulate(protocol_from_table(TABLE, 3.0), Model(True), table)[0]
    (tmp_path / "played.yaml").write_text(json.dumps(TABLE))
    maps = {}
    for name, values in (("T1", t1), ("B1", b1)):
        volume = np.full(SHAPE, np.nan)  # nothing is known outside
        volume[mask] = values
        maps[name] = save(tmp_path / f"{name}.nii.gz", volume)
    stage = Stage(str(tmp_path / "played.yaml"), RANGES)
    files = FingerprintScan(save(tmp_path / "data.nii.gz", images), save(tmp_path / "mask.nii.gz", mask), maps)
    return stage, files, fs, mask


def changed(section, **keys):
    return type(section)(**{**section.__dict__, **keys})


def test_the_same_images_are_read_from_every_kind_of_file(scan, tmp_path):
    stage, files, _, mask = scan
    expected = read_scan(stage, files).task.data
    images = np.asarray(nibabel.load(files.data).dataobj)
    savemat(tmp_path / "data.mat", {"stack": np.moveaxis(images, -1, 0), "other": np.ones(3)})
    np.save(tmp_path / "data.npy", images)
    np.save(tmp_path / "mask.npy", mask)
    plain = changed(files, mask=str(tmp_path / "mask.npy"), maps={})
    for name in ("data.mat:stack", "data.npy"):
        found = read_scan(stage, changed(plain, data=str(tmp_path / name)))
        assert np.array_equal(found.task.data, expected) and found.grid.affine is None
    with pytest.raises(SpinsculptError, match=r"holds 2 variables \(stack, other\); name one"):
        read_scan(stage, changed(plain, data=str(tmp_path / "data.mat")))


def test_images_are_divided_by_the_first_one_where_that_is_said(scan, tmp_path):
    stage, files, *_ = scan
    images = 700 * np.asarray(nibabel.load(files.data).dataobj)
    raw = changed(files, data=save(tmp_path / "raw.nii.gz", images))
    first = read_scan(changed(stage, scale="first"), raw).task
    assert np.allclose(first.data[:, 0], 1) and first.scale == "m0"
    (tmp_path / "played.yaml").write_text(json.dumps(TABLE | {"b1_uT": [1, *B1[1:]]}))
    with pytest.raises(SpinsculptError, match="saturates before its first image"):
        read_scan(changed(stage, scale="first"), raw)


def bad_maps(name, factor):
    def change(stage, files, folder):
        volume = factor * np.asarray(nibabel.load(files.maps["T1"]).dataobj)
        return stage, changed(files, maps={name: save(folder / "bad.nii.gz", volume)})

    return change


def bad_map(values):
    return lambda stage, files, folder: (stage, changed(files, maps={"T1": save(folder / "bad.nii.gz", values)}))


def bad_data(function):
    def change(stage, files, folder):
        images = function(np.asarray(nibabel.load(files.data).dataobj, float))
        return stage, changed(files, data=save(folder / "bad.nii.gz", images))

    return change


def with_nan(images):
    images[2, 2, 0, 3] = np.nan
    return images


BAD = {
    "images": (bad_data(lambda images: images[..., :5]), "holds 5 images, the protocol plays 6"),
    "raw": (bad_data(lambda images: 400 * images), "divide by the image without saturation"),
    "normalised": (
        bad_data(lambda images: images / np.linalg.norm(images, axis=-1, keepdims=True).clip(1e-9)),
        "already normalised",
    ),
    "nan": (bad_data(with_nan), "hold NaN or an infinite number; mask them out"),
    "percent": (bad_maps("B1", 100), "B1 map looks like percent"),
    "milliseconds": (bad_maps("T1", 1000), "map of T1 looks like milliseconds"),
    "hertz": (bad_maps("B0", 40), "map of B0 looks like Hz"),
    "grid": (
        lambda stage, files, folder: (
            stage,
            changed(files, maps={"T1": save(folder / "bad.nii.gz", np.ones((3, 3, 2)))}),
        ),
        "has 3 x 3 x 2 voxels, the images have 5 x 4 x 2; bring it to their grid",
    ),
    "elsewhere": (
        lambda stage, files, folder: (
            stage,
            changed(files, mask=save(folder / "bad.nii.gz", np.ones(SHAPE), AFFINE + np.eye(4)[::-1])),
        ),
        "lies elsewhere in the scanner than the images",
    ),
    "empty mask": (
        lambda stage, files, folder: (stage, changed(files, mask=save(folder / "bad.nii.gz", np.zeros(SHAPE)))),
        "no voxel is left to analyse",
    ),
    "three pools": (
        lambda stage, files, folder: (changed(stage, semisolid="lorentzian"), files),
        "needs fss and kssw of the semisolid pool; fit the MT data first",
    ),
    "nan in a map": (
        lambda stage, files, folder: (
            stage,
            changed(files, maps={"T1": save(folder / "b.nii.gz", np.full(SHAPE, np.nan))}),
        ),
        "T1 holds NaN or an infinite number; mask those voxels out",
    ),
    "no file": (lambda stage, files, folder: (stage, changed(files, data="none.nii.gz")), "there is no such file"),
    "other parameter": (
        lambda stage, files, folder: (changed(stage, fixed={"T3": 1.0}), files),
        "unknown tissue parameter 'T3'",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_meant_is_refused_with_a_sentence_and_nothing_is_written(scan, tmp_path, name):
    change, sentence = BAD[name]
    stage, files = change(*scan[:2], tmp_path)
    arguments = ["mrf", "fit", files.data, "--protocol", stage.protocol, "--mask", files.mask, "--out", "out"]
    arguments += [word for key, path in files.maps.items() for word in ("--map", f"{key}={path}")]
    arguments += [word for key, value in stage.fixed.items() for word in ("--fixed", f"{key}={value}")]
    arguments += ["--semisolid", stage.semisolid] if stage.semisolid else []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        run = CliRunner().invoke(app, arguments)
    assert isinstance(run.exception, SpinsculptError) and sentence.split("'")[0] in str(run.exception)
    assert not (tmp_path / "out").exists()


def test_maps_come_back_on_their_grid_with_units_and_flags(scan, tmp_path):
    stage, files, fs, mask = scan
    out = tmp_path / "out"
    arguments = ["mrf", "fit", files.data, "--protocol", stage.protocol, "--mask", files.mask, "--out", str(out)]
    arguments += ["--map", f"T1={files.maps['T1']}", "--map", f"B1={files.maps['B1']}", "--label", "sub-7_acq-amide"]
    run = CliRunner().invoke(app, [*arguments, "--range", "fs=0:0.006", "--range", "ksw=20:400"])
    assert run.exit_code == 0, run.output
    image = nibabel.load(out / "sub-7_acq-amide_desc-vbmf_fsmap.nii.gz")
    found = np.asarray(image.dataobj)
    assert np.allclose(image.affine, AFFINE) and np.isnan(found[~mask]).all()
    flags = np.asarray(nibabel.load(out / "sub-7_acq-amide_desc-vbmf_flagsmap.nii.gz").dataobj)[mask]
    above = fs > 0.0061
    assert above.any() and (flags[above] & 1).all()  # at the end of the range: said, not clipped silently
    assert np.abs(found[mask][fs < 0.0058] / fs[fs < 0.0058] - 1).max() < 1e-3
    sidecar = json.loads((out / "sub-7_acq-amide_desc-vbmf_kswmap.json").read_text())
    assert sidecar["Units"] == "1/s" and "exchange" in sidecar["Description"]
    assert "vbmf" in (out / "spinsculpt.sha256").read_text()


def test_a_saved_network_maps_a_scan_from_the_command_line(scan, tmp_path):
    stage, files, fs, mask = scan
    common = [files.data, "--protocol", stage.protocol, "--mask", files.mask]
    common += [word for key, path in files.maps.items() for word in ("--map", f"{key}={path}")]
    trained = ["--method", "nbmf", "--set", "epochs=1", "--set", "steps=10", "--out", str(tmp_path / "trained")]
    assert CliRunner().invoke(app, ["mrf", "fit", *common, *trained]).exit_code == 0
    network = tmp_path / "trained/sub-01_desc-nbmf_reconstructor.pt"
    apply = ["mrf", "apply", *common, "--out", str(tmp_path / "maps")]
    run = CliRunner().invoke(app, [*apply, "--reconstructor", str(network), "--refine", "15"])
    assert run.exit_code == 0, run.output
    said = json.loads((tmp_path / "maps/sub-02_desc-nbmf_fit.json").read_text())
    assert (said["mode"], said["refine"]) == ("transfer", 15)
    found = np.asarray(nibabel.load(tmp_path / "maps/sub-02_desc-nbmf_fsmap.nii.gz").dataobj)[mask]
    assert np.abs(found / fs - 1).max() < 1e-3
    apply[-1] = str(tmp_path / "none")
    run = CliRunner().invoke(app, [*apply, "--reconstructor", files.data])
    assert isinstance(run.exception, SpinsculptError) and "is no saved reconstructor" in str(run.exception)
    assert not (tmp_path / "none").exists()


def test_agreement_is_perfect_with_oneself_and_a_shift_costs_absolute_agreement_only():
    rng = np.random.default_rng(0)
    mask = np.zeros((12, 12, 2), bool)
    mask[2:, 1:] = True
    reference = np.where(mask, rng.uniform(1, 2, mask.shape), np.nan)
    same, shifted = agreement(reference, reference, mask), agreement(reference + 0.3, reference, mask)
    assert same["nrmse"] == 0 and same["icc"] == pytest.approx(1) and same["ssim"] == pytest.approx(1)
    assert shifted["r"] == pytest.approx(1) and shifted["bias"] == pytest.approx(0.3) and shifted["icc"] < 0.8


def test_connected_parts_of_a_mask_are_its_regions():
    mask = np.zeros((20, 20, 1), bool)
    mask[2:8, 2:8] = mask[12:16, 12:16] = mask[19, 0] = True
    labels, names = connected_regions(mask)
    assert list(names) == [1, 2] and (labels > 0).sum() == 36 + 16  # a single voxel is no region


def test_stages_hand_on_what_they_find_and_names_are_checked():
    study = FingerprintStudy.of(parse(Mrf, {}))
    assert study.found_before("amide", "01") == {"fss": "mt", "kssw": "mt"} and study.subjects["02"].transfer == "01"
    with pytest.raises(SpinsculptError, match="did you mean 'amide'"):
        FingerprintStudy.of(parse(Mrf, {"subjects": {"a": {"data": {"amid": "x.nii.gz"}}}}))
    with pytest.raises(SpinsculptError, match="takes the networks of a, which are not trained there"):
        FingerprintStudy.of(parse(Mrf, {"subjects": {"a": {"data": {"mt": "x.nii.gz"}, "transfer": "a"}}}))


def test_the_example_is_found_from_any_folder(tmp_path, monkeypatch):
    from spinsculpt.core.gate import read_yaml

    monkeypatch.chdir(tmp_path)
    study = FingerprintStudy.of(parse(Mrf, read_yaml(REPOSITORY / "config/mrf.yaml")["mrf"]))
    assert all(Path(path).is_file() for path in study.subjects["phantom"].files("amine"))
    assert Path(study.stages["amine"].protocol).is_file()


def test_figures_are_drawn_with_their_tables(tmp_path):
    rng, style = np.random.default_rng(0), Style(dpi=50)
    x, y = (values.ravel() for values in np.indices((6, 6)))
    trusted = np.where(x > 0, "yes", "no")
    voxels = [
        pd.DataFrame(
            {"source": source, "parameter": name, "unit": unit, "right": x, "up": y, "value": 1 + x, "trusted": good}
        )
        for name, unit in (("fs", "1"), ("ksw", "1/s"))
        for source, good in (("vbmf", trusted), ("truth", "yes"))
    ]
    head = {"stage": "amide", "method": "vbmf", "parameter": "fs", "unit": "1", "against": "truth"}
    pairs = pd.DataFrame({**head, "reference": x / 600, "value": x / 600, "bound": 1e-4, "trusted": trusted})
    agreed = pd.DataFrame([{**head, "over": "trusted", "nrmse": 1.0, "r": 0.99, "icc": 0.98}])
    spread = {"p5": 0.1, "p25": 0.2, "median": 0.3, "p75": 0.4, "p95": 0.5}
    boxes = pd.DataFrame([{**head, "region": "white matter", "voxels": 9, "trusted": 8, **spread}])
    schedule = pd.DataFrame(
        {"stage": "amide", "image": [1, 2], "b1_uT": [0, 2.0], "offset_ppm": 3.5, "on_s": 1, "off_s": 2}
    )
    fs, ksw = (values.ravel() for values in np.meshgrid(np.linspace(0.001, 0.01, 5), np.linspace(20, 400, 5)))
    bounds = rng.uniform(1e-4, 1e-2, 25)
    plane = pd.DataFrame({"fs": fs, "ksw": ksw, "fs_bound": bounds, "ksw_bound": np.where(fs < 0.002, np.inf, 10.0)})
    drawn = draw_maps(pd.concat(voxels), tmp_path / "maps", style)
    drawn += draw_scatter(pairs, agreed, tmp_path / "scatter", style)
    drawn += draw_regions(boxes, tmp_path / "regions", style)
    drawn += draw_schedule(schedule.assign(stage="amide"), tmp_path / "schedule", style)
    drawn += draw_bounds_plane(plane, ["fs", "ksw"], tmp_path / "plane", style)
    assert len(drawn) == 15 and all(path.stat().st_size > 50 for path in drawn)


def test_maps_without_coordinates_are_drawn_as_matlab_shows_them(tmp_path):
    """Rows downwards and columns to the right; those of scanners as their affine says."""
    shape, values = Grid((2, 3, 1)), np.arange(6.0)
    write_map(tmp_path / "map.nii.gz", values, np.ones((2, 3, 1), bool), shape, {})
    assert "rows run downwards" in json.loads((tmp_path / "map.json").read_text())["Coordinates"]
    image = nibabel.load(tmp_path / "map.nii.gz")
    x, y, _ = np.nonzero(np.ones((2, 3, 1)))
    for affine, expected in (
        (image.affine, [[3, 4, 5], [0, 1, 2]]),
        (np.diag([2.0, 2, 5, 1]), [[0, 3], [1, 4], [2, 5]]),
        (np.diag([-2.0, 2, 5, 1]), [[3, 0], [4, 1], [5, 2]]),
    ):
        right, up = _in_picture(x, y, Grid((2, 3, 1), affine))
        picture = np.zeros((up.max() + 1, right.max() + 1))
        picture[up, right] = np.asarray(image.dataobj)[x, y, 0]  # from the lowest row up
        assert picture.tolist() == expected


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """A study of one phantom of vials, simulated and fitted below a folder: (study, section, folder)."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "played.yaml").write_text(json.dumps(TABLE | {"offset_ppm": 3.0}))
    stage = {"protocol": str(folder / "played.yaml"), "ranges": {"fs": [0, 0.003], "ksw": [50, 1500]}}
    stage["fixed"] = {"T1": 2.8, "T2": 1.2, "T2s": 0.04, "shift_s": 3.0}
    phantom = {"phantom": "vials", "shape": [20, 20, 1], "noise": 5e-4, "subjects": ["01"], "transfer": {}}
    section = parse(Mrf, {"simulated": phantom, "stages": {"amine": stage}, "methods": ["vbmf"]})
    study = FingerprintStudy.of(section, str(folder))
    subject, played = study.subjects["01"], stages_of(study)
    start = subject.mask.removesuffix("_mask.nii.gz")
    write_phantom(start, "vials", (20, 20, 1), 5e-4, 1, played)
    files = FingerprintScan(subject.data["amine"], subject.mask, subject.maps)
    voxels = read_scan(played["amine"], files)
    out = folder / "mrf/sub-01/anat"
    write_fit(out, "sub-01_acq-amine", voxels, fit_scan(voxels, "vbmf"), "vbmf", played["amine"], files)
    return study, section, folder


def test_a_phantom_goes_from_files_to_maps_near_the_truth(mapped):
    study, _, folder = mapped
    table = agreement_table(study, folder / "mrf")
    trusted = table[table["over"] == "trusted"].set_index("parameter")
    assert set(table["against"]) == {"truth"} and (trusted["nrmse"] < 10).all() and (trusted["icc"] > 0.9).all()
    regions = region_table(study, folder / "mrf")
    assert len(regions) == 2 * 2 * 6 and regions["region"].str.contains("mM, pH").all()


def test_every_column_of_fingerprints_has_a_line(mapped):
    study, _, folder = mapped
    text = (REPOSITORY / "docs/reference/outputs.md").read_text()
    words = set(re.findall("`([^`]+)`", text))
    root, stage = folder / "mrf", stages_of(study)["amine"]
    tables = [agreement_table(study, root), region_table(study, root), timing_table(study, root)]
    tables += [scatter_table(study, root), map_table(study, root, "01", "amine")]
    tables += [protocol_table("amine", stage), plane_table(stage, points=3)]
    assert not {name for table in tables for name in table.columns} - words


def test_the_page_says_what_was_found_and_what_is_flagged(mapped, tmp_path):
    study, section, folder = mapped
    root = folder / "mrf"
    for name, table_of in (("agreement", agreement_table), ("regions", region_table), ("timing", timing_table)):
        table_of(study, root).to_csv(tmp_path / f"mrf_{name}.tsv", sep="\t", index=False)
    tables = sorted(tmp_path.glob("*.tsv"))
    write_fingerprint_report(study, tables, [], section, tmp_path / "mrf.html")
    page = (tmp_path / "mrf.html").read_text()
    assert "NRMSE against the truth" in page and "at an end of a range" in page and "25 mM, pH 4" in page


@pytest.mark.parametrize("minor", [4, 5])
def test_pulseq_files_of_later_versions_play_what_their_table_says(tmp_path, minor):
    import pypulseq

    system = pypulseq.Opts(rf_dead_time=0, rf_ringdown_time=0, adc_dead_time=0)
    sequence, offset = pypulseq.Sequence(system), 3.5 * GAMMA_BAR * 3.0
    kinds = {"delay": 0.0, "system": system}
    for b1 in (0.5, 2.0, 1.0):
        sequence.add_block(pypulseq.make_delay(1.5))
        turn = 2 * np.pi * GAMMA_BAR * b1 * 1.0
        sequence.add_block(pypulseq.make_block_pulse(turn, duration=1.0, freq_offset=offset, use="saturation", **kinds))
        sequence.add_block(pypulseq.make_block_pulse(np.pi / 3, duration=1e-3, use="excitation", **kinds))
        sequence.add_block(pypulseq.make_adc(10, duration=1e-3, system=system))
    for key, value in {"B1pa": [0.5, 2, 1], "offsets_ppm": [3.5] * 3, "Trec": 1.5, "num_meas": 3}.items():
        sequence.set_definition(key, value)
    sequence.write(str(tmp_path / "played.seq"), v141_compat=minor == 4, check_timing=False)
    text = (tmp_path / "played.seq").read_text()
    assert f"minor {minor}" in text
    table = {"b1_uT": [0.5, 2, 1], "offset_ppm": 3.5, "saturation_s": 1.0, "recovery_s": 1.5, "tip_degrees": 60}
    voxel = tissue({"fs": 0.005, "ksw": 150})
    both = [read_protocol(tmp_path / "played.seq", 3.0), protocol_from_table(table, 3.0)]
    signals = [simulate(each, Model(True), voxel)[0] for each in both]
    assert np.abs(signals[0] - signals[1]).max() < 2e-3  # milliseconds of the readout
    (tmp_path / "other.seq").write_text(text.replace("B1pa 0.5 2 1", "B1pa 0.5 3 1"))
    with pytest.raises(SpinsculptError, match="B1pa says 3 for image 2 but its blocks play 2; write the file again"):
        read_protocol(tmp_path / "other.seq", 3.0)


def test_the_workflow_maps_a_sound_scan_and_writes_nothing_of_those_that_cannot_be_meant(scan, tmp_path):
    """One run of all subjects; each bad one fails in its own job with the sentence of the command line."""
    stage, files, fs, mask = scan
    subjects = {"sound": (files, "amide")}
    for name in ("images", "raw", "normalised", "nan", "percent", "grid"):
        folder = tmp_path / name
        folder.mkdir()
        subjects[name] = (BAD[name][0](stage, files, folder)[1], "amide")
    subjects["pools"] = (files, "three")
    entry = {"protocol": stage.protocol, "ranges": {name: list(ends) for name, ends in RANGES.items()}}
    section = {"stages": {"amide": entry, "three": entry | {"semisolid": "lorentzian"}}, "methods": ["vbmf"]}
    section["subjects"] = {
        name: {"data": {which: each.data}, "mask": each.mask, "maps": dict(each.maps)}
        for name, (each, which) in subjects.items()
    }
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"study": "fingerprints", "mrf": section}))
    fits = [
        f"results/mrf/sub-{name}/anat/sub-{name}_acq-{which}_desc-vbmf_fit.json"
        for name, (_, which) in subjects.items()
    ]
    status, text = snakemake(tmp_path, *fits, "--keep-going", configfile=config)
    assert status != 0
    found = np.asarray(nibabel.load(tmp_path / fits[0].replace("_fit.json", "_fsmap.nii.gz")).dataobj)[mask]
    assert np.abs(found / fs - 1).max() < 1e-3
    for name in subjects:
        if name != "sound":
            assert BAD["three pools" if name == "pools" else name][1] in text, name
            assert not list((tmp_path / "results/mrf").glob(f"sub-{name}/anat/*")), name
