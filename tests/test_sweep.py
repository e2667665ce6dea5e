"""The sweep that is shipped can be designed and played."""

import pytest

from conftest import REPOSITORY
from spinsculpt.design import Design
from spinsculpt.study import read_config, schema_of
from spinsculpt.system import System


@pytest.fixture(scope="module")
def study():
    return read_config([REPOSITORY / "config/config.yaml", REPOSITORY / "config/sweep.yaml"], schema_of())


def test_the_longest_pulse_has_room_in_its_sequence(study):
    sweep = study["sweep"]
    point = {name: max(values) for name, values in sweep["grid"].items()}
    entry = study["designs"][sweep["design"]] | sweep["override"] | point
    design = Design("point", entry, study["basis"], System.from_config(study["system"]))
    assert design.sequence.echo_time == pytest.approx(entry["echo_time"])
