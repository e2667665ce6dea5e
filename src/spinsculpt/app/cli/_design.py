"""`spinsculpt design`: pulses from a configuration file, without Snakemake."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Device(StrEnum):
    cpu = "cpu"
    cuda = "cuda"
    auto = "auto"


def design_command(
    config: Annotated[
        Path, typer.Argument(help="YAML file with the section designs; what it leaves out comes from the defaults")
    ],
    out: Annotated[Path, typer.Option(help="folder to write to; each design gets a folder of its name")],
    name: Annotated[str, typer.Option(help="the one design to run; all of the file if empty")] = "",
    resume: Annotated[bool, typer.Option(help="go on from the checkpoint of a run that was stopped")] = True,
    device: Annotated[Device, typer.Option(help="where to compute; auto: on a GPU where there is one")] = Device.auto,
) -> None:
    """Design pulses and write pulse.json, history.tsv, metrics.json, state.tsv and spectra.tsv of each."""
    from spinsculpt.config import default_config, nearest_name, read_study
    from spinsculpt.core.errors import SpinsculptError
    from spinsculpt.core.folders import path_in
    from spinsculpt.core.gate import read_yaml
    from spinsculpt.design import run_design

    settings = read_study([default_config(), config])
    named = read_yaml(config).get("designs")
    if not named:
        raise SpinsculptError(f"{config} lacks the section 'designs'; `spinsculpt config` prints its keys.")
    designs = {each: settings.designs[each] for each in named}
    if name and name not in designs:
        raise SpinsculptError(f"{config}: {nearest_name(name, list(designs), 'design')}")
    wanted = [name] if name else list(designs)
    folders = {each: path_in(out, each, what=f"{config}: the name of the design") for each in wanted}
    given = {"resume": resume, "device": device.value, "system": settings.system.limits()}
    for each, folder in folders.items():
        metrics = run_design(each, designs[each], settings.basis, folder, **given)
        typer.echo(
            f"{each}: loss {metrics['loss']:.4f}, {metrics['optimisation']['seconds']:.0f} s, {folder}/pulse.json"
        )
        typer.echo(f"Verdict: {metrics['verdict']['sentence']}")
