"""A study whose parts do not fit together is refused before anything runs."""

from pathlib import Path

import pytest

from spinsculpt.app.plan import check_study
from spinsculpt.config import Study, plain, read_study, reference_page, schema_of
from spinsculpt.core.errors import SpinsculptError

REPOSITORY = Path(__file__).resolve().parents[1]
SCHEMA = schema_of()


def default_config() -> dict:
    return plain(read_study([REPOSITORY / "config/config.yaml"]))


def test_the_default_config_is_sound():
    check_study(Study.of(default_config()))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda c: c["compare"]["analyses"].append("pres30"), "compare.analyses: unknown analysis 'pres30'"),
        (lambda c: c["sequences"]["gapcrlb"].update(gap="gap_clrb"), "sequences.gapcrlb.gap: unknown design"),
        (lambda c: c["sequences"]["press30"].update(edit="gap_crlb"), "a press has no 'edit' slot; remove"),
        (lambda c: c["sequences"]["gapcrlb"].update(gap="excite_glu"), "excite_glu is a design of kind exc"),
        (lambda c: c["analyses"]["press30"].update(sequence="press31"), "analyses.press30.sequence"),
        (lambda c: c["sweep"].update(design="nothing"), "sweep.design: unknown design 'nothing'"),
        (lambda c: c["basis"]["metabolites"].append("Glutamat"), "Glutamat"),
        (lambda c: c["compare"].update(pair=["Glu", "Gl"]), "compare.pair: unknown name in the basis 'Gl'"),
        (lambda c: c["analyses"]["megapress"].update(spectra=[]), "megapress has several shots; name its spectra"),
        (lambda c: c["analyses"]["press30"].update(spectra=["on"]), "press30 has one shot; leave out its spectra"),
        (lambda c: c["analyses"]["megapress"].update(spectra=["a", "on"]), "unknown spectrum 'a'"),
    ],
)
def test_dangling_names_are_sentences(change, sentence):
    config = default_config()
    change(config)
    with pytest.raises(SpinsculptError, match=sentence):
        check_study(Study.of(config))


def test_a_designed_pair_has_two_spectra():
    config = default_config()
    config["designs"]["gap_crlb"]["kind"] = "gap_pair"
    with pytest.raises(SpinsculptError, match="gapcrlb has several shots; name its spectra, of a, b"):
        check_study(Study.of(config))
    config["analyses"]["gapcrlb"]["spectra"] = ["a", "b"]
    check_study(Study.of(config))


def test_every_key_has_a_description():
    def walk(schema: dict, path: str):
        for key, sub in schema.get("properties", {}).items():
            if "properties" not in sub:
                assert sub.get("description"), f"{path}{key} has no description"
            walk(sub, f"{path}{key}.")
        if isinstance(schema.get("additionalProperties"), dict):
            walk(schema["additionalProperties"], f"{path}*.")

    walk(SCHEMA, "")


def test_the_reference_page_is_up_to_date():
    page = REPOSITORY / "config/README.md"
    assert page.read_text() == reference_page(), "run: spinsculpt config > config/README.md"


def test_the_expected_time_grows_with_the_work_and_is_that_of_the_default_designs():
    """gap_crlb takes about a minute."""
    from spinsculpt.app.plan import design_seconds

    entry = read_study([REPOSITORY / "config/config.yaml"]).designs["gap_crlb"]
    assert 15 < design_seconds(entry, 26) < 180
    assert design_seconds(entry.but(starts=2 * entry.starts), 26) > 1.5 * design_seconds(entry, 26)
