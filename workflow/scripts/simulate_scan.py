"""Simulate one scan of one subject as raw scanner files (rule simulate_scan)."""

from spinsculpt.basis import basis_library, listed_basis, read_basis
from spinsculpt.config import Basis, Scanner
from spinsculpt.core.workflow import job
from spinsculpt.physics.sequences import Sequence
from spinsculpt.truth.scanner import simulate_scan, write_scan

with job(snakemake) as s:
    subject, sequence = s.params.subject, Sequence.read(s.input.sequence)
    scanner = Scanner.of(s.params.scanner)
    library, basis = basis_library(Basis.of(s.params.basis)), read_basis(listed_basis(s.input.basis))
    scan = simulate_scan(subject, sequence, basis, library, scanner)
    write_scan(scan, subject, sequence.name, scanner, s.output.data, s.output.water, s.output.truth)
