"""The metabolite library: complete, sourced, and free of the known defects of public files."""

import json
import re

import numpy as np
import pytest
import yaml

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.physics.spins import load_library
from spinsculpt.physics.spins._library import LIBRARY_PATH

MAIN_JOB = {"NAA", "NAAG", "Cr", "PCr", "GPC", "PCh", "Glu", "Gln", "GABA", "GSH", "Ins", "Scyllo", "Tau"}
MAIN_JOB |= {"Asp", "Lac", "Ala", "Asc", "Glc", "PE"}
MACROMOLECULES = {"MM09", "MM12", "MM14", "MM17", "MM20"}


@pytest.fixture(scope="module")
def library():
    return load_library()


def test_holds_the_metabolites_of_the_field(library):
    assert MAIN_JOB | {"Cystat", "2HG", "Thr", "Val", "Cit"} <= set(library.metabolites)
    assert len(library.metabolites) >= 34
    assert set(library.macromolecules) >= MACROMOLECULES


def test_every_block_has_a_source(library):
    for metabolite in library.metabolites.values():
        assert set(metabolite.sources) == {"spins", "t1", "t2", "concentration"}
        assert all(metabolite.sources.values())
    for macromolecule in library.macromolecules.values():
        assert set(macromolecule.sources) == {"peaks", "t1", "t2", "concentration"}


def test_every_source_has_a_doi_or_says_why_not():
    sources = yaml.safe_load(LIBRARY_PATH.read_text())["sources"]
    without = [key for key, text in sources.items() if not re.search(r"doi:10\.\d{4,}/\S|\(no DOI: \w", text)]
    assert not without, f"no DOI and no reason for its absence: {without}"
    unused = [key for key in sources if len(re.findall(rf"\b{key}\b", LIBRARY_PATH.read_text())) < 2]
    assert not unused, f"nothing in the library is taken from {unused}"


@pytest.mark.parametrize(
    ("name", "protons"),
    {"NAA": 6, "Cr": 5, "GPC": 18, "PCh": 13, "GSH": 10, "Glc": 7, "Thr": 5, "Acn": 6, "Cit": 4, "Lys": 9}.items(),
)
def test_counts_the_protons_of_the_molecule(library, name, protons):
    assert library[name].protons == pytest.approx(protons)


def test_geminal_couplings_are_negative(library):
    """Two protons of one sp3 carbon couple with -9 to -18 Hz, never positively (Cystat of MRSCloud does)."""
    for metabolite in library.metabolites.values():
        for part in metabolite.parts:
            for i, j, value in part.couplings:
                if part.spins[i][:-1] == part.spins[j][:-1] and part.spins[i][-1] in "ab":
                    assert -18 < value < -9, (metabolite.name, part.spins[i], part.spins[j])


def test_relaxation_is_physical_at_every_field():
    for field in (1.5, 2.89, 3.0, 7.0, 9.4):
        for metabolite in load_library(field_strength=field).metabolites.values():
            assert 0.02 < metabolite.t2 < metabolite.t1 < 5
    slow, fast = load_library(field_strength=3.0)["NAA"].t2, load_library(field_strength=7.0)["NAA"].t2
    assert fast < load_library(field_strength=5.0)["NAA"].t2 < slow


def test_alternatives_are_selectable(library):
    govindaraju = load_library(alternatives={"GABA": "govindaraju2000"})["GABA"]
    assert govindaraju.parts != library["GABA"].parts
    assert load_library(alternatives={"GABA": "near2013"})["GABA"].parts == library["GABA"].parts
    with pytest.raises(SpinsculptError, match="near2013, govindaraju2000"):
        load_library(alternatives={"GABA": "near2012"})
    with pytest.raises(SpinsculptError, match="did you mean GABA"):
        load_library(alternatives={"gaba": "near2013"})


def test_lines_of_macromolecules_are_selectable(library):
    birch = load_library(alternatives={"MM20": "birch2017"}).macromolecules
    assert len(birch["MM20"].peaks) == 6 and "Birch" in birch["MM20"].sources["peaks"]
    assert birch["MM09"] == library.macromolecules["MM09"]
    with pytest.raises(SpinsculptError, match="lcmodel, birch2017"):
        load_library(alternatives={"MM20": "birch2018"})


def test_exchangeable_protons_are_optional(library):
    assert load_library(exchangeable=True)["NAA"].protons == library["NAA"].protons + 1
    assert load_library(exchangeable=True)["GSH"].protons == library["GSH"].protons + 2


def test_heteronuclear_splitting_keeps_protons_and_centre(library):
    plain = load_library(heteronuclear=False)["PCh"]
    assert library["PCh"].protons == pytest.approx(plain.protons)
    split = [part for part in library["PCh"].parts if part.name.startswith("PCh/H1a")]
    assert len(split) == 6  # 31P doublet x 14N triplet
    centre = sum(part.weight * np.array(part.shifts) for part in split)
    assert centre == pytest.approx(plain.parts[1].shifts)
    span = max(part.shifts[0] for part in split) - min(part.shifts[0] for part in split)
    assert span * 127.732 == pytest.approx(2 * 2.68 + 6.298, abs=1e-3)  # Hz


@pytest.mark.parametrize(("wrong", "right"), [("Glutamate", "Glu"), ("mIns", "Ins"), ("gln", "Gln"), ("MM9", "MM09")])
def test_unknown_names_get_the_nearest(library, wrong, right):
    with pytest.raises(SpinsculptError, match=f"did you mean.*{right}"):
        library[wrong]


def test_agrees_with_fida_where_both_quote_govindaraju(evidence):
    """Shifts and couplings of FID-A's systems, up to the documented differences."""
    fida = json.loads((evidence / "results" / "spin_systems_fida.json").read_text())
    library = load_library(exchangeable=True, heteronuclear=False)
    for name in ("Glu", "Gln", "NAA", "NAAG", "Asp", "Ins", "Lac", "GABA", "Glc", "Ala", "Ser"):
        ours = sorted(shift for part in library[name].parts for shift in part.shifts)
        theirs = sorted({shift for group in fida[name] for shift in group["shifts"]})
        assert sorted(set(ours)) == pytest.approx(theirs), name
    glu = np.array(fida["Glu"][0]["J"])
    assert library["Glu"].parts[0].coupling_matrix == pytest.approx(glu)


OWN = """
metabolites:
  Test:
    parts: [{shifts: {H2: 3.0, H3: 2.0}, couplings: [[H2, H3, 7.0]]}]
    t1: 1.3
    t2: {3.0: 0.15, 7.0: 0.1}
    concentration: 1.0
    sources: {spins: Author 2020, t1: [assumed], t2: [wyss2018], concentration: assumed}
"""


def test_own_metabolites_are_added_to_the_built_in_ones(library, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    merged = load_library(path)
    assert set(merged.metabolites) == {*library.metabolites, "Test"} and merged["NAA"] == library["NAA"]
    assert merged["Test"].parts[0].shifts == (3.0, 2.0)
    assert merged["Test"].sources["spins"] == "Author 2020" and "Wyss" in merged["Test"].sources["t2"]


@pytest.mark.parametrize(
    ("cut", "sentence"),
    [
        (
            "sources: {spins: Author 2020, t1: [assumed], t2: [wyss2018], concentration: assumed}",
            "come from; add sources",
        ),
        ("concentration: 1.0", "Test lacks concentration"),
        (OWN, "has neither the section"),
    ],
)
def test_an_entry_of_ones_own_that_lacks_something_is_told_what(tmp_path, cut, sentence):
    path = tmp_path / "own.yaml"
    path.write_text(OWN.replace(cut, "") or "{}")
    with pytest.raises(SpinsculptError, match=sentence):
        load_library(path)
