"""Build one sequence from its entry in the config and the designed pulses (rule build_sequence)."""

from pathlib import Path

from spinsculpt.basis import central_frequency
from spinsculpt.pulses import read_designed
from spinsculpt.sequences import build_measured, build_sequence
from spinsculpt.system import System
from spinsculpt.workflow import job

with job(snakemake) as s:
    designs = {Path(path).parent.name: read_designed(path) for path in s.input.pulses}
    frequency, system = central_frequency(s.params.basis), System.from_config(s.params.system)
    name, at, _ = s.wildcards.sequence.partition("@")
    build = build_measured if at else build_sequence
    sequence = build(name, s.params.entry, designs, frequency, system)
    sequence.write(s.output[0])
