"""Build one sequence from its entry in the config and the designed pulses (rule build_sequence)."""

from pathlib import Path

from spinsculpt.config import Basis, SequenceEntry, SystemEntry
from spinsculpt.core.workflow import job
from spinsculpt.physics.pulses import read_designed
from spinsculpt.physics.sequences import build_measured, build_sequence

with job(snakemake) as s:
    designs = {Path(path).parent.name: read_designed(path) for path in s.input.pulses}
    entry, system = SequenceEntry.of(s.params.entry), SystemEntry.of(s.params.system)
    name, at, _ = s.wildcards.sequence.partition("@")
    build = build_measured if at else build_sequence
    sequence = build(name, entry, designs, Basis.of(s.params.basis).frequency, system.limits())
    sequence.write(s.output[0])
