"""The sweep that is shipped can be designed and played."""

import pytest

from conftest import REPOSITORY
from spinsculpt.config import DesignEntry, parse, plain, read_study
from spinsculpt.design import Design


@pytest.fixture(scope="module")
def study():
    return read_study([REPOSITORY / "config/config.yaml", REPOSITORY / "config/sweep.yaml"])


def test_the_longest_pulse_has_room_in_its_sequence(study):
    sweep = study.sweep
    point = {name: max(values) for name, values in sweep.grid.given().items()}
    entry = parse(DesignEntry, plain(study.designs[sweep.design]) | sweep.override | point)
    design = Design("point", entry, study.basis, study.system.limits())
    assert design.sequence.echo_time == pytest.approx(entry.echo_time)
