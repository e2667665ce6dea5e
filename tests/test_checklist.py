"""The reporting checklist says what headers and config say, asks for the rest, and invents nothing."""

import json
from pathlib import Path

import pandas as pd
import pytest

from spinsculpt.compare import quality_table
from spinsculpt.config import Study, parse, schema_of
from spinsculpt.core.tables import write_frame
from spinsculpt.report import fill_checklist
from spinsculpt.report._checklist import ITEMS, NOT_STATED, read_checklist
from spinsculpt.report._scans import checklist_sections

SIDECAR = {
    "SpectrometerFrequency": [127.75],
    "MagneticFieldStrength": 3,
    "Manufacturer": "Philips",
    "SoftwareVersions": "5.4",
    "RepetitionTime": 2.0,
    "EchoTime": 0.03,
    "NumberOfTransients": 64,
    "SpectralWidth": 2000.0,
    "NumberOfSpectralPoints": 2048,
    "AcquisitionVoxelSize": [30.0, 20.0, 20.0],
}
QUALITY = {"snr": 80.0, "linewidth_hz": 6.0, "steps": [{"Method": "Phasing", "Details": "zero order"}]}


def config(**changes) -> Study:
    content = {
        "designs": {},
        "subjects": "subjects.tsv",
        "sequences": {"press30": {"type": "press", "gap": "mine"}},
        "analyses": {"fitted": {"sequence": "press30"}},
        "compare": {"analyses": ["fitted"]},
        "basis": {"metabolites": ["Glu", "Gln"], "macromolecules": ["MM09"]},
        "fit": {"ppm": [0.2, 4.2], "baseline": "poly:2"},
    }
    return parse(Study, content | changes)


def filled(folder: Path, *scans: dict, settings: Study | None = None) -> pd.DataFrame:
    """The checklist of as many scans, each a sidecar; fitted once each."""
    settings = settings or config()
    labels = [{"subject": f"{k:02d}", "session": "", "sequence": "press30"} for k in range(len(scans))]
    paths = {kind: [folder / f"{kind}{k}.json" for k in range(len(scans))] for kind in ("sidecar", "qc", "fit")}
    for k, scan in enumerate(scans):
        for kind, content in (("sidecar", scan), ("qc", QUALITY), ("fit", {"reduced_chi_squared": 1.1})):
            paths[kind][k].write_text(json.dumps(content))
    write_frame(quality_table(paths["qc"], labels, settings.quality.limits), folder / "quality.tsv")
    of_fit = [label | {"sequence": "fitted", "engine": "builtin"} for label in labels]
    given = {"quantity": "ratio", "value": 1.0, "unit": "/Cr+PCr", "crlb": 3.0}
    fits = [label | given | {"metabolite": name} for label in of_fit for name in ("Glu", "Gln")]
    write_frame(pd.DataFrame(fits), folder / "fits.tsv")
    tables = (folder / "quality.tsv", folder / "fits.tsv")
    out = folder / "mrsinmrs.tsv"
    fill_checklist(paths["sidecar"], paths["qc"], labels, paths["fit"], of_fit, *tables, settings, out)
    return read_checklist(out).set_index("key")


def test_what_the_headers_state_is_filled_in_with_its_unit(tmp_path):
    table = filled(tmp_path, SIDECAR)
    value = table["value"]
    assert value["field_strength"] == "3 T, 127.750 MHz" and value["manufacturer"] == "Philips"
    assert value["timing"] == "TR 2000 ms, TE 30 ms" and value["averages"] == "64"
    assert value["voxel_size"] == "30 × 20 × 20 mm³ (12 cm³)"
    assert value["pulse_sequence"] == "PRESS, designed gap pulse mine"
    assert value["snr_linewidth"] == "1 of 1 scans; SNR of NAA 80; linewidth of NAA 6 Hz"
    assert value["exclusion"].startswith("SNR of NAA below 10; ")
    assert value["fit_quality"] == "fitted (builtin): CRLB Glu 3 %, Gln 3 %; reduced χ² 1.1"
    assert value["processing"].startswith("Phasing")


def test_what_nobody_states_is_asked_for_with_the_place_to_add_it(tmp_path):
    table = filled(tmp_path, SIDECAR)
    row = table.loc["shimming"]
    assert row["source"] == NOT_STATED and "checklist.shimming" in row["value"]
    assert table.loc["model", "value"].startswith("model not stated, software 5.4 (checklist.model ")


def test_an_answer_of_the_config_stands_before_the_header_and_stays_as_it_is(tmp_path):
    answers = {"additional_hardware": "N/A", "manufacturer": "another"}
    table = filled(tmp_path, SIDECAR, settings=config(checklist=answers))
    assert table.loc["additional_hardware", "value"] == "N/A"
    assert tuple(table.loc["manufacturer", ["value", "source"]]) == ("another", "config")


def test_scans_that_differ_are_counted_not_averaged(tmp_path):
    table = filled(tmp_path, SIDECAR, SIDECAR, SIDECAR | {"RepetitionTime": 1.5}, SIDECAR | {"Manufacturer": None})
    assert table.loc["timing", "value"] == "TR 2000 ms (n = 3), 1500 ms (n = 1), TE 30 ms"
    assert table.loc["manufacturer", "value"].startswith("Philips (n = 3), not stated (n = 1)")


def test_a_simulated_scanner_is_not_asked_for_its_shimming(tmp_path):
    table = filled(tmp_path, SIDECAR, settings=config(subjects=""))
    assert NOT_STATED not in set(table["source"])
    assert "simulated" in table.loc["shimming", "value"]


def test_every_item_can_be_answered_in_the_config():
    assert list(schema_of()["properties"]["checklist"]["properties"]) == [item.key for item in ITEMS]


@pytest.mark.parametrize(("second", "spans"), [("3 T", [2]), ("7 T", [1, 1])])
def test_answers_that_all_sequences_share_are_one_cell(second, spans):
    given = {"section": "1. Hardware", "item": "a. Field strength", "source": "headers"}
    rows = [given | {"sequence": "a", "value": "3 T"}, given | {"sequence": "b", "value": second}]
    (section,) = checklist_sections(pd.DataFrame(rows))
    assert [cell["span"] for cell in section["items"][0]["cells"]] == spans


def test_every_band_of_an_editing_pulse_is_stated(tmp_path):
    ppm = {"a": [4.56, 1.9], "b": 1.9, "c": 4.56, "d": 7.46}
    hermes = config(sequences={"press30": {"type": "megapress", "gap": None, "editing": {"ppm": ppm}}})
    table = filled(tmp_path, SIDECAR, settings=hermes)
    text = " ".join(table.astype(str).to_numpy().ravel())
    assert "editing A at 4.56 and 1.9 ppm" in text and "editing D at 7.46 ppm" in text
    assert "shared by 4 editing conditions" in text
