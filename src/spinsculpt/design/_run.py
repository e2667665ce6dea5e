"""Run one design from its entry in the configuration to its files."""

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from spinsculpt.config import Basis, DesignEntry, plain
from spinsculpt.core.errors import SpinsculptError, brief
from spinsculpt.core.folders import owned_files, refuse_foreign
from spinsculpt.core.provenance import config_hash, provenance, write_json
from spinsculpt.core.system import System
from spinsculpt.core.tables import write_table
from spinsculpt.design._checkpoint import discard_checkpoint, load_checkpoint, save_checkpoint
from spinsculpt.design._explain import product_operators
from spinsculpt.design._metrics import measure, spectra
from spinsculpt.design._optimise import Search
from spinsculpt.design._problem import Design
from spinsculpt.design._verdict import verdict
from spinsculpt.physics.dynamics import engine, evolve
from spinsculpt.physics.pulses import write_designed

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.npz"
RESULTS = ("pulse.json", "history.tsv", "metrics.json", "state.tsv", "spectra.tsv")


def run_design(
    name: str,
    entry: DesignEntry,
    basis: Basis,
    out_dir: Path | str,
    resume: bool = True,
    progress: bool = True,
    threads: int | None = None,
    device: str = "auto",
    watch: Callable[[list[dict]], bool] | None = None,
    system: System | None = None,
) -> dict:
    """Optimise the pulse of one entry of `designs` and write its results.

    pulse.json, history.tsv, metrics.json, state.tsv (product operators) and spectra.tsv (before and after).

    Args:
        name: of the entry; becomes the name of the pulse.
        entry: what to design.
        basis: field, and the metabolites and macromolecules that the entry does not name.
        out_dir: folder of the results; what others have in it stays. A checkpoint lives there until the design is done.
        resume: go on from a checkpoint of the same entry; the result is the one of a run without a break.
        progress: show a progress bar.
        threads: of the compiled kernel; all cores when None. Torch's own threads gain nothing on matrices this small
            and wait for each other on a busy machine, so there is one.
        device: "cpu" (compiled kernel), "cuda" (batched matrix products on a GPU), or "auto": "cuda" where torch
            can use one.
        system: whose real pulses stand around the designed one; the clinical one when None.
        watch: called after each step with the latest row of history of each start; False stops and keeps the best.
    Returns:
        The content of metrics.json.
    Raises:
        SpinsculptError: results would replace a file that is not ours (said before the work begins), or the entry
            cannot be designed.
    """
    refuse_foreign(Path(out_dir), RESULTS)
    with _computing(usable_device(device), threads):
        return _designed(name, entry, basis, Path(out_dir), resume, progress, watch, system)


@contextmanager
def _computing(device: str, threads: int | None) -> Iterator[None]:
    """Tensors are made on a device inside, and torch has one thread; both are as before outside."""
    torch_threads, kernel_threads = torch.get_num_threads(), engine.threads()
    torch.set_num_threads(1)
    engine.set_threads(threads or kernel_threads)
    try:
        with torch.device(device):
            yield
    finally:
        torch.set_num_threads(torch_threads)
        engine.set_threads(kernel_threads)


def _designed(
    name: str,
    entry: DesignEntry,
    basis: Basis,
    out: Path,
    resume: bool,
    progress: bool,
    watch: Callable[[list[dict]], bool] | None,
    system: System | None,
) -> dict:
    began = time.perf_counter()
    design = Design(name, entry, basis, system)
    settings = {"entry": plain(entry), "basis": plain(basis), "system": asdict(system or System())}
    identity, entry = config_hash(settings), design.entry
    search = minimise(design, out / CHECKPOINT, identity, resume, progress, watch)
    _, best_start, x = search.best
    metrics = {
        "name": name,
        "kind": entry.kind,
        "entry": plain(entry),
        "optimisation": {
            "optimiser": entry.optimiser,
            "starts": entry.starts,
            "iterations": search.done,
            "best_start": best_start,
            "landscape": [
                {"start": start, "last_step": step, "loss": loss}
                for start, (step, loss) in sorted(search.landscape.items())
            ],
            "splitting_substeps": design.simulation.substeps,
            "seconds": round(time.perf_counter() - began, 2),
        },
        **measure(design, x),
        "provenance": provenance(settings, seed=entry.seed),
    }
    metrics["verdict"] = verdict(metrics)
    log.info("%s: %s", name, metrics["verdict"]["sentence"])
    designed = design.designed(x)
    limits = {"b1_limit_uT": entry.b1_limit, "carrier_ppm": entry.carrier_ppm}
    with owned_files(out) as folder:
        write_designed(folder / "pulse.json", designed, **limits, provenance=metrics["provenance"])
        _write_rows(folder / "history.tsv", search.history)
        _write_rows(folder / "state.tsv", final_states(design, x))
        _write_rows(folder / "spectra.tsv", spectra(design, x))
        write_json(folder / "metrics.json", metrics)
    (out / CHECKPOINT).unlink(missing_ok=True)
    return metrics


def usable_device(device: str) -> str:
    """The device to compute on: "auto" is "cuda" where torch can use one, else "cpu"."""
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise SpinsculptError("There is no CUDA device that torch can use; run with the device cpu or auto.")
    return ("cuda" if there else "cpu") if device == "auto" else device


def minimise(
    design: Design,
    checkpoint: Path,
    identity: str,
    resume: bool,
    progress: bool,
    watch: Callable[[list[dict]], bool] | None = None,
) -> Search:
    """Run the optimiser, saving its state every `checkpoint_every` steps."""
    entry = design.entry
    generator = torch.Generator("cpu").manual_seed(entry.seed)
    search = Search(
        design.evaluate,
        design.initial(generator, entry.starts),
        entry.optimiser,
        entry.iterations + entry.polish,
        entry.step,
        entry.screening,
        entry.polish,
    )
    saved = load_checkpoint(checkpoint, identity)  # also when there is no resuming: a file of others is set aside
    if saved and resume:
        try:
            search.load(saved)
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            discard_checkpoint(checkpoint, brief(error))
    bar = tqdm(
        total=search.iterations,
        initial=search.done,
        desc=design.name,
        disable=not progress,
        file=sys.stderr,
        mininterval=0.2 if sys.stderr.isatty() else 10.0,  # a log file is no place for an animation
    )
    with bar, _asked_to_end() as asked:
        while search.done < search.iterations:
            search.advance()
            rows = search.history[-len(search.starts) :]
            latest = min(rows, key=lambda row: row["loss"])
            bar.set_postfix(
                {key: f"{value:.3f}" for key, value in latest.items() if key not in ("start", "step")}, False
            )
            bar.update()
            if search.done % max(1, search.iterations // 20) == 0:
                log.info("%s: step %d of %d: loss %.5g", design.name, search.done, search.iterations, latest["loss"])
            if search.done % entry.checkpoint_every == 0:
                save_checkpoint(checkpoint, identity, search.state())
            if asked and search.done < search.iterations:
                save_checkpoint(checkpoint, identity, search.state())
                raise SpinsculptError(
                    f"{design.name}: was asked to end (SIGTERM, as by a time limit) after step {search.done} of "
                    f"{search.iterations}; the same command goes on from there."
                )
            if watch and not watch(rows):
                break
        search.finish()
    return search


@contextmanager
def _asked_to_end() -> Iterator[list[int]]:
    """A list that is no longer empty once SIGTERM came, which clusters send before they kill."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # where signals cannot be handled
        yield asked
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)


def final_states(design: Design, x: Tensor) -> list[dict]:
    """Product operators of the state at the first sample, of each part of the metabolites that objectives name."""
    rows = []
    parts = [(name, system) for name in design.targets for system in design.library[name].parts]
    for shot in design.played(x).shots:
        for metabolite, system in parts:
            rho = evolve(shot.events, system, design.acquisition.central_frequency)
            for term, coefficient, share in product_operators(rho, system.spins):
                rows.append(
                    {
                        "metabolite": metabolite,
                        "part": system.name,
                        "shot": shot.name,
                        "term": term,
                        "coefficient": coefficient,
                        "share": share,
                    }
                )
    return rows


def _write_rows(path: Path, rows: list[dict]) -> None:
    columns = list(rows[0]) if rows else []
    write_table(path, columns, [[row[column] for column in columns] for row in rows], digits=9)
