"""What is on the screen, to take away: a configuration with its pulse files, or lines of Python that show the same."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from spinsculpt.app.explore._bench import NOW, entry_files, with_file
from spinsculpt.config import IDEAL_TE1, Study, default_config, parse, plain, read_study
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import read_yaml

FOLDER = "explored_pulses"  # beside the configuration: the files that it plays


def yaml_text(config: Study) -> str:
    """The sections that make the screen, as YAML for `spinsculpt run --configfile` and `explore --config`."""
    shown, defaults = config.compare.baselines, read_study([default_config()]).compare.baselines
    left_out = dict.fromkeys(name for name in defaults if name not in shown)  # or a run would lay them below
    whole = plain(config.but(compare=config.compare.but(baselines={**shown, **left_out})))
    kept = {key: whole[key] for key in ("sequences", "basis", "analyses", "compare", "fit", "system", "figures")}
    return "# Written by spinsculpt explore.\n" + yaml.safe_dump(json.loads(json.dumps(kept)), sort_keys=False)


def with_files(config: Study) -> tuple[Study, dict[str, str]]:
    """The configuration with the files that it plays in `FOLDER`, and where they are now: {new path: old path}."""
    sequences, files = {}, {}
    for name, entry in config.sequences.items():
        sequences[name] = entry
        for keys, path in entry_files(entry).items():
            known = next((new for new, old in files.items() if old == path), None)
            new, count = f"{FOLDER}/{Path(path).name}", 1
            while known is None and new in files:
                count += 1
                new = f"{FOLDER}/{Path(path).stem}_{count}{Path(path).suffix}"
            files[known or new] = path
            sequences[name] = with_file(sequences[name], keys, known or new)
    return config.but(sequences=sequences), files


def saved(config: Study, name: str, text: Callable[[Study], str]) -> tuple[str, io.BytesIO]:
    """What a download holds: the file `name`, or where pulses are played, a .zip of it with them beside it.

    Args:
        config: what is on the screen.
        name: of the file, e.g. "explored.yaml".
        text: function of the configuration that gives its content.
    """
    moved, files = with_files(config)
    content = text(moved)
    if not files:
        return name, io.BytesIO(content.encode())
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
        for new, old in files.items():
            archive.writestr(new, Path(old).read_bytes())
    whole.seek(0)
    return f"{Path(name).stem}.zip", whole


def begun(content: Mapping, where: str = "the configuration") -> Study:
    """A configuration to begin with, as a study by itself: nothing of config/config.yaml is laid below it.

    Sequences without an analysis are fitted as they are, and all are compared; without any the screen begins as ever.
    """
    sequences = content.get("sequences") or {NOW: {"type": "press", "echo_time": 0.03, "te1": IDEAL_TE1["press"]}}
    compare = content.get("compare") or {}
    named = compare.get("analyses") or list(content.get("analyses") or sequences)
    alone = {name: {"sequence": name} for name in named if name in sequences}
    analyses = {**alone, **(content.get("analyses") or {})}
    known = [name for name in named if (analyses.get(name) or {}).get("sequence") in sequences]
    whole = {"designs": {}, **content, "sequences": sequences, "analyses": analyses}
    return parse(Study, {**whole, "compare": {**compare, "analyses": known or list(analyses)}}, where)


def read_saved(path: Path | str) -> Study:
    """A configuration whose pulse files are found here, or else beside it.

    Raises:
        SpinsculptError: it is no YAML map, or a file that it plays is nowhere.
    """
    path = Path(path)
    if not path.is_file():
        raise SpinsculptError(f"{path}: there is no such configuration; name another, or leave out --config.")
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise SpinsculptError(f"{path}: a configuration is a map of keys; this is none.")
    study = begun(content, str(path))
    sequences = dict(study.sequences)
    for name, entry in study.sequences.items():
        for keys, file in entry_files(entry).items():
            found = next((one for one in (Path(file), path.parent / file) if one.is_file()), None)
            if found is None:
                raise SpinsculptError(f"{path}: sequences.{name} plays {file}, which is neither here nor beside it.")
            sequences[name] = with_file(sequences[name], keys, str(found.resolve()))
    return study.but(sequences=sequences)


def notebook_text(config: Study) -> str:
    """A Jupyter notebook that shows the same numbers."""
    code = f"""import yaml
from spinsculpt.app.explore import begun, show
from spinsculpt.app.plan import settle

study = settle(begun(yaml.safe_load('''{yaml_text(config)}''')))
shown = show(study)
for name, one in shown.items():
    print(name, {{metabolite: round(bound, 2) for metabolite, bound in one.bounds.items()}})
"""
    plot = """import matplotlib.pyplot as plt
for name, one in shown.items():
    for label in one.fitted:
        plt.plot(one.ppm, one.spectra[label].sum(axis=0), label=f"{name} {label}")
plt.xlim(4.2, 0.2); plt.xlabel("chemical shift (ppm)"); plt.legend()"""
    cells = [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": text, "id": name}
        for name, text in (("compute", code), ("draw", plot))
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}, indent=1)
