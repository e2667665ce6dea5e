"""`spinsculpt power`: subjects and minutes that a study needs."""

from pathlib import Path
from typing import Annotated

import typer

from spinsculpt.config import Scanner


def power_command(
    table: Annotated[
        Path, typer.Argument(help="compare/separation.tsv of a study", exists=True, dir_okay=False)
    ] = Path("results/compare/separation.tsv"),
    sequence: Annotated[str, typer.Option(help="analyses to list, by commas; all that can be played if empty")] = "",
    effect: Annotated[float, typer.Option(help="change to see in %")] = 10.0,
    snr: Annotated[float | None, typer.Option(help="SNR of the first analysis of the study; that of its table")] = None,
    between: Annotated[float, typer.Option(help="coefficient of variation between subjects in %")] = 100 * Scanner.cv,
    within: Annotated[float, typer.Option(help="of one subject between two days in %, beside the noise")] = 0.0,
    minutes: Annotated[float, typer.Option(help="scan time in minutes at which the SNR holds")] = Scanner().minutes,
    bound: Annotated[float, typer.Option(help="CRLB in % whose scan time is asked for")] = 10.0,
    power: Annotated[float, typer.Option(help="probability to see the change")] = 0.8,
    alpha: Annotated[float, typer.Option(help="probability to see one that is not there")] = 0.05,
) -> None:
    """Print how many subjects see a change of the pair and its ratio, and how long a bound takes, by sequence.

    From Cramer-Rao bounds: what an unbiased fit reaches at best. Real scans need more.
    """
    from spinsculpt.compare import power_table, read_table

    wanted = [name.strip() for name in sequence.split(",") if name.strip()]
    settings = {"between": between, "within": within, "minutes": minutes, "bound": bound}
    columns = ("sequence", "metric", "metabolite", "value", "baseline", "macromolecules", "t2_scale")
    found = power_table(read_table(table, columns), wanted, effect, snr, **settings, power=power, alpha=alpha)
    heads = {
        "sd": "SD (%)",
        "paired": "subjects, paired",
        "groups": "subjects a group",
        "minutes": f"minutes for {bound:g} %",
    }
    text = found.assign(
        sd=found["sd"].map("{:.1f}".format),
        minutes=found["minutes"].map("{:.1f}".format),
        paired=found["paired"].map(lambda count: str(count) if count else "> 100000"),
        groups=found["groups"].map(lambda count: str(count) if count else "> 100000"),
    )
    typer.echo(text.rename(columns=heads).to_string(index=False))
