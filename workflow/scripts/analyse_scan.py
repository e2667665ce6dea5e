"""Convert, clean and fit one scan with its water reference (rules analyse_*)."""

from pathlib import Path

from spinsculpt.basis import listed_basis
from spinsculpt.config import Convert, Fit, Preprocess
from spinsculpt.core.workflow import given, job
from spinsculpt.data.convert import convert_scan
from spinsculpt.data.subjects import Scan
from spinsculpt.fit import fit_files
from spinsculpt.preprocess import preprocess_scan, preprocess_water

with job(snakemake) as s:
    work, out, basis = s.params.work, s.output, listed_basis(s.input.basis)
    scan, sequence, conditions = Scan(**work["scan"]), work["sequence"], work["conditions"]
    water, clean_water = given(out, "water"), given(out, "clean_water")
    claimed = Convert.of(s.params.convert), sequence["echo_time"], sequence["type"]
    convert_scan(work["raw"]["paths"], scan, "svs", out.data, out.sidecar, *claimed)
    if water:
        convert_scan(work["raw_water"]["paths"], scan, "mrsref", water, out.water_sidecar, *claimed)

    section, known = Preprocess.of(s.params.preprocess), basis if work["plays_designs"] else None
    preprocess_scan(out.data, water, out.clean, out.qc, out.picture, section, conditions, known, out.averages)
    if water:
        preprocess_water(out.data, water, clean_water, section, conditions, out.qc)

    for analysis, spectra in work["spectra"].items():
        folders = {spectrum: basis / spectrum for spectrum in spectra} or {"": basis}
        folder, fit = Path(out[f"{analysis}_summary"]).parent, Fit.of(work["fits"][analysis])
        averages = out.averages if fit.bootstrap else None
        fit_files(out.clean, folders, folder, fit, "builtin", clean_water, spectra, averages)
