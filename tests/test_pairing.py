"""What does not belong together is refused with both values, or corrected by a formula; nothing is silent."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fit_phantom import DWELL, FREQUENCY, phantom, phantom_basis
from spinsculpt.config import Fit
from spinsculpt.core.conventions import ppm_to_hz, time_axis
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.data.nifti import MRSData, write_fids
from spinsculpt.data.pairing import (
    FACTS,
    Facts,
    compare_facts,
    facts_of_data,
    refuse_exchanged,
    refuse_no_repetitions,
    refuse_no_water,
    refuse_same_samples,
)
from spinsculpt.data.subjects import read_subjects
from spinsculpt.fit import fit_measured

AFFINE = np.array([[20.0, 0, 0, 5], [0, 25, 0, -30], [0, 0, 30, 40], [0, 0, 0, 1]])
HEADER = {"EchoTime": 0.035, "RepetitionTime": 2.0, "MixingTime": 0.01, "Manufacturer": "Philips"}
QUICK = Fit(baseline="poly:2", lineshape="voigt")


def data(fid=None, **header) -> MRSData:
    samples = np.ones(64, complex) if fid is None else fid.samples
    return MRSData(samples, DWELL, FREQUENCY, header=HEADER | header, affine=AFFINE)


def water(echo_time=0.035, repetition_time=2.0, t1=1.2, t2=0.08, size=2.0 * 35000.0) -> MRSData:
    """Water of one tissue, as the sequence of these times measures it."""
    time = time_axis(1024, DWELL)
    left = np.exp(-echo_time / t2) * (1 - np.exp(-repetition_time / t1))
    return MRSData(
        size * left * np.exp(-20.0 * time),
        DWELL,
        FREQUENCY,
        header=HEADER | {"EchoTime": echo_time, "RepetitionTime": repetition_time},
        affine=AFFINE,
    )


OTHER = {  # one change of each fact
    "nucleus": lambda one: replace(one, nucleus="31P"),
    "frequency": lambda one: replace(one, central_frequency=123.25),
    "echo_time": lambda one: replace(one, header=one.header | {"EchoTime": 0.068}),
    "mixing_time": lambda one: replace(one, header=one.header | {"MixingTime": 0.05}),
    "repetition_time": lambda one: replace(one, header=one.header | {"RepetitionTime": 3.0}),
    "dwell": lambda one: replace(one, dwell=2.5e-4),
    "vendor": lambda one: replace(one, header=one.header | {"Manufacturer": "SIEMENS"}),
    "scanner": lambda one: replace(one, header=one.header | {"DeviceSerialNumber": "2"}),
    "subject": lambda one: replace(one, header=one.header | {"PatientID": "b"}),
    "coils": lambda one: replace(one, fids=np.ones((64, 4), complex), dims=("DIM_COIL",)),
    "voxel": lambda one: replace(one, affine=AFFINE + np.array([[0, 0, 0, 15.0]] + 3 * [[0] * 4])),
}


def test_every_fact_has_a_change():
    assert set(OTHER) == set(FACTS)


@given(st.sets(st.sampled_from(sorted(OTHER))))
def test_just_what_differs_is_found_and_the_order_does_not_matter(changed):
    one = data(DeviceSerialNumber="1", PatientID="a")
    other = one
    for key in sorted(changed):
        other = OTHER[key](other)
    there = compare_facts(facts_of_data(one, "a.nii"), facts_of_data(other, "b.nii"))
    back = compare_facts(facts_of_data(other, "b.nii"), facts_of_data(one, "a.nii"))
    assert set(there.differing) == changed == set(back.differing)
    if changed:
        with pytest.raises(SpinsculptError, match=r"b\.nii"):
            there.refuse("Give another.")


def test_a_refusal_names_both_values_and_no_patient():
    one, other = data(PatientID="secret-a"), OTHER["echo_time"](data(PatientID="secret-b"))
    with pytest.raises(SpinsculptError) as error:
        compare_facts(facts_of_data(one, "a.nii"), facts_of_data(other, "b.nii")).refuse("Give another.")
    assert all(part in str(error.value) for part in ("a.nii", "b.nii", "35 ms", "68 ms"))
    assert "secret" not in str(error.value)


def test_a_fact_that_one_input_lacks_is_reported_as_missing():
    bare = Facts("basis", {"frequency": FREQUENCY})
    assert "echo_time" in compare_facts(facts_of_data(data(), "scan"), bare).missing


def test_the_same_voxel_with_its_axes_in_another_order_is_the_same():
    turned = AFFINE[:, [1, 0, 2, 3]] * np.array([1, -1, 1, 1])
    there = compare_facts(facts_of_data(data(), "a"), facts_of_data(replace(data(), affine=turned), "b"))
    assert "voxel" not in there.differing


def test_a_basis_of_another_echo_time_is_refused_unless_the_user_states_the_time():
    basis = replace(phantom_basis(), meta={"echo_time_s": 0.020, "sequence": "press20"})
    scan = data(phantom(phantom_basis(), 0.5))
    with pytest.raises(SpinsculptError) as error:
        fit_measured(scan, {"": basis}, QUICK)
    assert "20 ms" in str(error.value) and "35 ms" in str(error.value)
    stated = QUICK.but(water=QUICK.water.but(echo_time=0.020))
    assert fit_measured(scan, {"": basis}, stated).names


def test_water_of_another_echo_and_repetition_time_gives_the_same_concentrations():
    basis = replace(phantom_basis(), meta={"echo_time_s": 0.035})
    scan = data(phantom(phantom_basis(), 0.5))
    tissue = {"t1": {"gm": 1.2, "wm": 1.2}, "t2": {"gm": 0.08, "wm": 0.08}}
    section = QUICK.but(water=QUICK.water.but(**tissue))
    found = [
        fit_measured(scan, {"": basis}, section, water(*times)).water.molar
        for times in ((0.035, 2.0), (0.068, 2.0), (0.035, 8.0), (0.008, 5.0))
    ]
    assert np.allclose(found, found[0], rtol=1e-3)


def test_water_of_another_voxel_is_refused():
    scan, other = data(phantom(phantom_basis(), 0.5)), OTHER["voxel"](water())
    with pytest.raises(SpinsculptError, match="voxel"):
        fit_measured(scan, {"": phantom_basis()}, QUICK, other)


def test_a_metabolite_spectrum_is_no_water_reference_and_water_with_side_bands_is_one():
    spectrum = phantom(phantom_basis(), 0.5)
    with pytest.raises(SpinsculptError, match="second line"):
        refuse_no_water(spectrum.samples, DWELL, FREQUENCY, "x_ECC.rda")
    time = time_axis(1024, DWELL)
    eddy = water().fids * np.exp(0.04j * np.sin(2 * np.pi * 170 * time)) + 1e-3 * spectrum.samples
    refuse_no_water(eddy, DWELL, FREQUENCY, "water")
    with pytest.raises(SpinsculptError, match="no signal"):
        refuse_no_water(0 * time, DWELL, FREQUENCY, "empty")


def test_the_scan_itself_is_no_water_reference():
    with pytest.raises(SpinsculptError, match="very samples"):
        refuse_same_samples(data(), data(), "scan.nii.gz")
    refuse_same_samples(data(), water(), "water.nii.gz")


def test_one_raw_file_is_of_one_subject(tmp_path):
    table = tmp_path / "subjects.tsv"
    table.write_text("subject\tsequence\tdata\n01\tpress30\tdata/a.rda\n02\tpress30\tdata/a.rda\n")
    with pytest.raises(SpinsculptError, match=r"line 3.*a\.rda.*line 2"):
        read_subjects(table, ["press30"])


def test_a_sum_is_flagged_when_a_part_of_it_is_more_than_tissue_holds():
    basis = phantom_basis()
    scan = data(phantom(basis, 0.5))
    found = fit_measured(scan, {"": basis}, QUICK, water(size=2.0 * 5000.0))
    rows = {row["Metab"]: row for row in found.summary()}
    assert "more than tissue holds" in rows["Glu"]["flag"]
    assert rows["Glu+Gln"]["reliable"] == "no" and "more than tissue holds" in rows["Glu+Gln"]["flag"]


def edited(on_naa=0.1, off_naa=1.5, averages=8) -> dict[str, np.ndarray]:
    time = time_axis(1024, DWELL)

    def spectrum(naa):
        lines = ((2.01, naa), (3.03, 1.0), (3.21, 0.7))
        fid = sum(a * np.exp(2j * np.pi * ppm_to_hz(ppm, FREQUENCY) * time) for ppm, a in lines)
        return np.repeat((fid * np.exp(-15 * time))[:, None], averages, axis=1)

    return {"ON": spectrum(on_naa), "OFF": spectrum(off_naa)}


def test_exchanged_conditions_are_called_exchanged_and_right_ones_pass():
    refuse_exchanged(edited(), DWELL, FREQUENCY, "a.nii")
    refuse_exchanged(edited(1.5, 1.5), DWELL, FREQUENCY, "editing elsewhere")
    with pytest.raises(SpinsculptError, match="exchanged"):
        refuse_exchanged(edited(1.5, 0.1), DWELL, FREQUENCY, "a.nii")
    right = edited()
    blocks = {label: np.hstack([right["ON"][:, :4], right["OFF"][:, :4]]) for label in right}
    with pytest.raises(SpinsculptError, match="blocks"):
        refuse_exchanged(blocks, DWELL, FREQUENCY, "a.nii")


@pytest.mark.parametrize("times", [[0.03, 0.04], {"start": 0.03, "increment": 0.01}, {"Value": [0.03, 0.04]}])
def test_a_dimension_along_which_the_echo_time_changes_is_no_repetition(times):
    two = MRSData(
        np.ones((64, 2), complex), DWELL, FREQUENCY, ("DIM_DYN",), dim_headers={"DIM_DYN": {"EchoTime": times}}
    )
    with pytest.raises(SpinsculptError, match=r"EchoTime changes along DIM_DYN"):
        refuse_no_repetitions(two, "a.nii")


@pytest.mark.parametrize("tag", ["DIM_METCYCLE", "DIM_ISIS", "DIM_INDIRECT_0", "DIM_USER_0"])
def test_a_dimension_of_another_meaning_is_refused_by_name(tag):
    with pytest.raises(SpinsculptError, match=tag):
        refuse_no_repetitions(MRSData(np.ones((64, 2), complex), DWELL, FREQUENCY, (tag,)), "a.nii")


@pytest.mark.parametrize("tag", ["DIM_DYN", "DIM_MEAS", "DIM_PHASE_CYCLE"])
def test_repetitions_pass(tag):
    header = {tag: {"EchoTime": [0.03, 0.03]}}
    refuse_no_repetitions(MRSData(np.ones((64, 2), complex), DWELL, FREQUENCY, (tag,), dim_headers=header), "a.nii")


@pytest.mark.parametrize(
    ("times", "words"),
    [({"t2": {"Glu": 80.0}}, "Glu is 80"), ({"t1": {"NOPE": 1.0}}, "NOPE"), ({"t2": {"Glu": 1e-9}}, "Glu is 1e-09")],
)
def test_relaxation_times_in_the_wrong_unit_or_of_nobody_are_refused(times, words):
    section = QUICK.but(water=QUICK.water.but(**times))
    with pytest.raises(SpinsculptError, match=words):
        fit_measured(data(phantom(phantom_basis(), 0.5)), {"": phantom_basis()}, section, water())


@pytest.mark.parametrize(("key", "value"), [("EchoTime", 8.0), ("RepetitionTime", 500.0), ("EchoTime", 35.0)])
def test_a_header_in_ms_is_refused_with_the_value_in_s(tmp_path, key, value):
    with pytest.raises(SpinsculptError, match=rf"{key} is {value}.*looks like ms: {value / 1000:g} s"):
        write_fids(tmp_path / "a.nii.gz", data(**{key: value}))
