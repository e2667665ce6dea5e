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
    config: Annotated[Path, typer.Argument(help="YAML file with the sections designs and basis")],
    out: Annotated[Path, typer.Option(help="folder to write to; each design gets a folder of its name")],
    name: Annotated[str, typer.Option(help="the one design to run; all of the file if empty")] = "",
    resume: Annotated[bool, typer.Option(help="go on from the checkpoint of a run that was stopped")] = True,
    device: Annotated[Device, typer.Option(help="where to compute; auto: on a GPU where there is one")] = Device.auto,
    schemas: Annotated[Path, typer.Option(help="folder of the JSON schemas")] = Path("workflow/schemas"),
) -> None:
    """Design pulses and write pulse.json, history.tsv, metrics.json, state.tsv and spectra.tsv of each."""
    from spinsculpt.config import nearest_name, read_yaml, validate
    from spinsculpt.design import run_design
    from spinsculpt.errors import SpinsculptError

    content = read_yaml(config)
    missing = [section for section in ("designs", "basis") if not content.get(section)]
    if missing:
        raise SpinsculptError(f"{config} lacks the section '{missing[0]}'; see config/README.md for its keys.")
    designs, basis = (
        validate(content[section], read_yaml(schemas / f"{schema}.schema.yaml"), f"{config}: {section}")
        for section, schema in (("designs", "design"), ("basis", "basis"))
    )
    if name and name not in designs:
        raise SpinsculptError(f"{config}: {nearest_name(name, list(designs), 'design')}")
    for each in [name] if name else designs:
        metrics = run_design(each, designs[each], basis, out / each, resume=resume, device=device.value)
        typer.echo(
            f"{each}: loss {metrics['loss']:.4f}, {metrics['optimisation']['seconds']:.0f} s, {out / each}/pulse.json"
        )
        typer.echo(f"Verdict: {metrics['verdict']['sentence']}")
