"""What is on the screen, to take away: a configuration, and the lines of Python that show the same."""

import json
from collections.abc import Mapping

import yaml


def yaml_text(config: Mapping) -> str:
    """The sections that make the screen, as YAML for `snakemake --configfile` and `spinsculpt explore --config`."""
    kept = {key: config[key] for key in ("sequences", "basis", "analyses", "compare", "fit")}
    return "# Written by spinsculpt explore.\n" + yaml.safe_dump(json.loads(json.dumps(kept)), sort_keys=False)


def notebook_text(config: Mapping) -> str:
    """A Jupyter notebook that shows the same numbers."""
    code = f"""import yaml
from spinsculpt.explore import configuration, show

saved = yaml.safe_load('''{yaml_text(config)}''')
analyses = saved.pop("analyses")
spectra = {{name: entry["spectra"] for name, entry in analyses.items()}}
shown = show(configuration(saved["sequences"], spectra, saved["basis"], saved["compare"], saved["fit"]))
for name, one in shown.items():
    print(name, {{metabolite: round(bound, 2) for metabolite, bound in one.bounds.items()}})
"""
    plot = """import matplotlib.pyplot as plt
for name, one in shown.items():
    for label, spectra in one.spectra.items():
        plt.plot(one.ppm, spectra.sum(axis=0), label=f"{name} {label}")
plt.xlim(4.2, 0.2); plt.xlabel("chemical shift (ppm)"); plt.legend()"""
    cells = [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": text, "id": name}
        for name, text in (("compute", code), ("draw", plot))
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}, indent=1)
