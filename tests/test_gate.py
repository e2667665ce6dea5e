"""The gate: what no physics allows, and what no file of ours needs, is refused before anything is computed."""

import copy
import dataclasses
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from entries import build_sequence, simulate_basis
from fit_phantom import phantom, phantom_basis
from spinsculpt.app.cli import app
from spinsculpt.basis import BasisSet, read_basis, read_lcmodel, write_fslmrs
from spinsculpt.compare import power_table, read_table, subjects_needed
from spinsculpt.config import Study, default_config, parse, plain, read_study, reference_page
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import LARGEST, RANGES, check_numbers, quantity, read_json, read_yaml, samples
from spinsculpt.core.provenance import write_json
from spinsculpt.core.tables import write_frame
from spinsculpt.data.convert._read import read_raw
from spinsculpt.fit import FitModel, fit
from spinsculpt.physics.sequences import Sequence


@given(st.floats(allow_nan=True, allow_infinity=True) | st.integers() | st.booleans() | st.none() | st.text(max_size=5))
def test_a_quantity_is_finite_and_in_its_range_or_refused(value):
    for key, (low, high, _) in RANGES.items():
        try:
            taken = quantity(value, key, "a file")
        except SpinsculptError as error:
            assert key in str(error) and "must be a number from" in str(error)
        else:
            assert np.isfinite(taken) and low <= taken <= high


@pytest.mark.parametrize(
    "values", [1.0, "12", [1, "2"], [1, None], [[1, 2]], [1j], {"a": 1}, [True, False], [1, np.nan]]
)
def test_a_list_of_numbers_is_one_or_refused(values):
    with pytest.raises(SpinsculptError, match="a file: b1"):
        samples(values, "b1", "a file")
    assert samples([1, 2.5], "b1", "a file").tolist() == [1.0, 2.5]


def numbers_of(content, path=()):
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        if isinstance(value, dict | list):
            yield from numbers_of(value, (*path, key))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield (*path, key)


def test_no_number_of_the_configuration_may_be_infinite_nan_or_absurd():
    """Every number of the default configuration and of its designs, one after the other."""
    whole = plain(read_study([default_config()]))
    names = list(whole["designs"])
    whole["designs"] = {name: whole["designs"][name] for name in names[:1]}
    paths = [path for path in numbers_of(whole) if path[0] != "convert"]
    assert len(paths) > 100
    for path in paths:
        for value in (float("nan"), float("inf"), -float("inf"), 1e20):
            content = copy.deepcopy(whole)
            inner = content
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = value
            with pytest.raises(SpinsculptError):
                check_numbers(content, "the configuration")


@pytest.mark.parametrize(
    "changes", [{"basis": {"points": 1e12}}, {"basis": {"bandwidth": float("nan")}}, {"run": float("inf")}]
)
def test_a_configuration_with_senseless_numbers_is_a_sentence(changes):
    with pytest.raises(SpinsculptError, match="the configuration: "):
        parse(Study, {"designs": {}, "sequences": {"p": {"type": "press"}}, "analyses": {}} | changes)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "content",
    [
        BOMB,
        "a: &a [*a]",
        "[" * 50_000,
        "- " * 5_000 + "x",
        "a: !!python/object/apply:os.system [echo]",
        "a: !unknown b",
        "\tkey: value",
        "a: 1\n\tb: 2",
        "a: [1, 2",
        "? [a, b]\n: c",
        "\0\1\2",
        "a: 2001-99-99",
    ],
)
def test_bad_yaml_is_a_sentence(tmp_path, content):
    (tmp_path / "bad.yaml").write_text(content)
    with pytest.raises(SpinsculptError, match=r"bad\.yaml"):
        read_yaml(tmp_path / "bad.yaml")


@pytest.mark.parametrize("content", ["", "null", "3", "[]", "text", "{1: 2}", "on: 1", "a: {b: {c: [1, {2: x}]}}"])
def test_a_configuration_that_is_no_map_of_texts_is_a_sentence(tmp_path, content):
    (tmp_path / "bad.yaml").write_text(content)
    with pytest.raises(SpinsculptError):
        read_study([tmp_path / "bad.yaml"])


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"[" * 100_000, b'{"a": NaN}', b'{"a": -Infinity}', b"[]", b"3", b"", b"{"]
)
def test_bad_json_is_a_sentence(tmp_path, content):
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(SpinsculptError, match=r"bad\.json"):
        read_json(tmp_path / "bad.json")


def test_files_of_no_size_that_we_need_are_refused_before_they_are_read(tmp_path):
    """8 GB of zeros, which take no place on disk, within 200 MB more memory than the program has."""
    for suffix in ("json", "yaml", "txt", "basis", "RF"):
        with (tmp_path / f"huge.{suffix}").open("wb") as file:
            file.truncate(8 << 30)
    (tmp_path / "repeats.RF").write_text("0 1 1000000000\n180 1 1000000000\n")
    (tmp_path / "steps.txt").write_text("1 0 1e-9\n1 0 1\n")
    code = f"""
import os
import resource
from spinsculpt.basis import read_jmrui, read_lcmodel
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import read_json, read_yaml
from spinsculpt.physics.pulses import read_pulse
os.chdir({str(tmp_path)!r})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for call in (lambda: read_json("huge.json"), lambda: read_yaml("huge.yaml"), lambda: read_jmrui("huge.txt"),
             lambda: read_lcmodel("huge.basis"), lambda: read_pulse("huge.RF", 0.005),
             lambda: read_pulse("repeats.RF", 0.005), lambda: read_pulse("steps.txt", 0.005)):
    try:
        call()
    except SpinsculptError as error:
        print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    *sentences, grown = run.stdout.splitlines()
    assert len(sentences) == 7 and int(grown) < 200, run.stdout + run.stderr


@pytest.fixture(scope="module")
def press_json(tmp_path_factory):
    path = tmp_path_factory.mktemp("press") / "press.json"
    entry = {"type": "megapress", "echo_time": 0.068, "te1": 0.012, "ideal": True}
    entry["editing"] = {"shape": "gaussian", "duration": 0.014, "ppm": {"on": 1.9, "off": 7.46}}
    build_sequence("mega", entry, central_frequency=127.7).write(path)
    return json.loads(path.read_text())


BASIS = {"field": 3.0, "points": 128, "bandwidth": 2000.0, "linewidth": 1.0, "metabolites": ["Cr"]}


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (lambda c: c["shots"][0]["events"][0].update(flip_angle_deg=float("nan")), "holds NaN"),
        (lambda c: c["shots"][0]["events"][0].update(flip_angle_deg="90"), "flip_angle_deg is 90"),
        (lambda c: c["shots"][0]["events"][0].update(flip_angle_deg=1e30), "flip_angle_deg is 1e"),
        (lambda c: c.update(receiver_phase_deg=None), "receiver_phase_deg is None"),
        (lambda c: c.update(echo_time_s=-1), "echo_time_s is -1"),
        (lambda c: c["shots"][0].update(events=[]), "no pulse, so that there is no signal"),
        (lambda c: c.update(shots=[]), "no pulse, so that there is no signal"),
        (lambda c: c.update(shots=[c["shots"][0]] * 2), "one name"),
        (lambda c: c.update(shots="on"), "is no sequence file"),
        (lambda c: c.update(combinations={"diff": {"other": 1}}), "names other shots"),
        (lambda c: c.update(combinations={"../x": {"on": 1}}), "choose a plain one"),
        (lambda c: c.update(combinations=3), "is no sequence file"),
        (lambda c: c["pulses"][0].update(b1_x_uT="0"), "b1_x_uT is no list of numbers"),
        (lambda c: c["pulses"][0].update(b1_x_uT=[1e300] * 3), "b1_x_uT.0. is 1e"),
        (lambda c: c["pulses"][0].update(dwell_s=1e9), "dwell_s is"),
        (lambda c: c.update(pulses=[]), "which is not there"),
    ],
)
def test_a_sequence_file_with_senseless_content_is_refused(tmp_path, press_json, harm, complaint):
    content = copy.deepcopy(press_json)
    harm(content)
    (tmp_path / "mega.json").write_text(json.dumps(content))
    with pytest.raises(SpinsculptError, match=complaint):
        simulate_basis(Sequence.read(tmp_path / "mega.json"), BASIS)


def basis() -> BasisSet:
    fids = np.exp(-np.arange(16) / 5) * np.ones((2, 1), complex)
    return BasisSet(("NAA", "Cr"), fids, 5e-4, 127.7)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"basis_im": 0.0}, "basis_im is no list of numbers"),
        ({"basis_im": [0.0]}, "basis_re has 16 values but basis_im 1"),
        ({"basis_re": [[1.0]] * 16}, "basis_re is no list of numbers"),
        ({"basis_re": ["1"] * 16}, "basis_re is no list of numbers"),
        ({"basis_nucleus": "31P"}, "the nucleus is 31P"),
        ({"basis_name": "Cr"}, "holds 'Cr' twice"),
        ({"basis_name": "../x"}, "choose a plain one"),
        ({"basis_dwell": True}, "basis_dwell is True"),
        ({"basis_centre": "127"}, "basis_centre is 127"),
        ({"basis_width": -1}, "basis_width is -1"),
        ({"basis_re": None}, "basis_re is no list"),
    ],
)
def test_a_basis_file_with_senseless_content_is_refused(tmp_path, changes, complaint):
    write_fslmrs(basis(), tmp_path)
    content = json.loads((tmp_path / "NAA.json").read_text())
    content["basis"].update(changes)
    (tmp_path / "NAA.json").write_text(json.dumps(content))
    with pytest.raises(SpinsculptError, match=complaint):
        read_basis(tmp_path)


@pytest.mark.parametrize("write", ["write_fslmrs", "write_lcmodel"])
def test_a_basis_of_zeros_is_refused_wherever_it_is_read(tmp_path, write):
    from spinsculpt.basis import write_lcmodel

    zeros = BasisSet(("NAA",), np.zeros((1, 16), complex), 5e-4, 127.7)
    if write == "write_lcmodel":
        write_lcmodel(zeros, tmp_path / "a.basis")
    else:
        write_fslmrs(zeros, tmp_path)
    with pytest.raises(SpinsculptError, match="every basis function is zero"):
        read_basis(tmp_path) if write == "write_fslmrs" else read_lcmodel(tmp_path / "a.basis")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float64("nan"), np.array([1.0, np.inf])])
def test_json_that_goes_out_holds_finite_numbers_or_is_not_written(tmp_path, value):
    with pytest.raises(SpinsculptError, match=r"qc.json: snr.naa.* is not a finite number, so nothing was written"):
        write_json(tmp_path / "qc.json", {"fine": 1.0, "snr": {"naa": value}})
    assert not list(tmp_path.iterdir())


def test_a_fit_that_is_not_finite_is_not_written(tmp_path):
    whole = phantom_basis()
    result = fit([phantom(whole, noise_sd=0.01)], [whole], FitModel(starts=1))
    broken = dataclasses.replace(result.curves[0], fit=result.curves[0].fit * np.nan)
    with pytest.raises(SpinsculptError, match="not finite, so that nothing was written"):
        dataclasses.replace(result, curves=(broken,)).write(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_raw_file_that_no_memory_holds_is_refused_unread(tmp_path):
    path = tmp_path / "meas.dat"
    with path.open("wb") as file:
        file.truncate(LARGEST["raw"] + 1)  # sparse: takes no space
    with pytest.raises(SpinsculptError, match="larger than"):
        read_raw([path], "svs")


def test_the_page_of_the_configuration_says_every_range():
    page = reference_page()
    for name, (low, high, unit) in RANGES.items():
        assert f"| `{name}` | {low:.10g} | {high:.10g} | {unit} |" in page


def test_tables_hold_finite_numbers_or_nothing(tmp_path):
    write_frame(pd.DataFrame({"name": ["a", "b", "c"], "value": [1.5, np.inf, -np.inf]}), tmp_path / "t.tsv")
    assert (tmp_path / "t.tsv").read_text() == "name\tvalue\na\t1.5\nb\t\nc\t\n"
    assert subjects_needed(0.1, float("inf"), groups=False) == 0


@pytest.mark.parametrize(("content", "words"), [("[" * 50_000, "nested"), ("# nothing\n", "map of keys"), ("3", "map")])
def test_spinsculpt_run_refuses_what_snakemake_cannot_parse_with_a_sentence(tmp_path, content, words):
    path = tmp_path / "deep.yaml"
    path.write_text(content)
    said = CliRunner().invoke(app, ["run", "--configfile", str(path)])
    assert isinstance(said.exception, SpinsculptError) and words in str(said.exception)


SEPARATION = ("sequence", "metric", "metabolite", "value", "baseline", "macromolecules", "t2_scale")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no table"),
        (b"\0\xff\x01", "no table"),
        (b"a\tb\n1\t2\n", "no column sequence, metric"),
        (b"\t".join(map(str.encode, SEPARATION)) + b"\n", "no bounds"),
        (b"\t".join(map(str.encode, SEPARATION)) + b"\np\tCRLB\tGlu\tabc\tn\tf\t1\n", "line 2: the value 'abc'"),
        (b"\t".join(map(str.encode, SEPARATION)) + b"\np\tCRLB\tGlu\t1e999\tn\tf\t1\n", "line 2: the value 'inf'"),
        (b'a\tb\n"1\t2\n', "no table"),
    ],
)
def test_a_table_that_is_none_is_a_sentence(tmp_path, content, said):
    table = tmp_path / "separation.tsv"
    table.write_bytes(content)
    with pytest.raises(SpinsculptError, match=said):
        power_table(read_table(table, SEPARATION))
