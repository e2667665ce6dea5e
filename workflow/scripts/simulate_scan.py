"""Simulate one scan of one subject as raw scanner files (rule simulate_scan)."""

from spinsculpt.basis import basis_library, listed_basis, read_basis
from spinsculpt.scanner import simulate_scan, write_scan
from spinsculpt.sequences import Sequence
from spinsculpt.study import Basis, Scanner
from spinsculpt.workflow import job

with job(snakemake) as s:
    subject, sequence = s.params.subject, Sequence.read(s.input.sequence)
    scanner = Scanner.of(s.params.scanner)
    library, basis = basis_library(Basis.of(s.params.basis)), read_basis(listed_basis(s.input.basis))
    scan = simulate_scan(subject, sequence, basis, library, scanner)
    write_scan(scan, subject, sequence.name, scanner, s.output.data, s.output.water, s.output.truth)
