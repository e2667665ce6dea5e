"""Two further tabs: design a pulse and watch it, and fit a scan again with another baseline."""

import io
import json
import re
import tempfile
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import panel as pn
from bokeh.events import MouseMove
from bokeh.models import ColumnDataSource, HoverTool, Plot, Range1d
from bokeh.plotting import figure
from bokeh.transform import linear_cmap

from spinsculpt.config import BROAD, SLOTS, DesignEntry, Fit, ObjectiveEntry, Study
from spinsculpt.core.colours import CYCLE, DARK, GREY
from spinsculpt.core.errors import SpinsculptError, brief
from spinsculpt.data.nifti import read_fids

CLASSES = ("longitudinal", "z_order", "in_phase", "antiphase", "multi_spin")
WIDE = {"sizing_mode": "stretch_width", "tools": "xpan,xbox_zoom,reset,save"}


def draw(picture: Plot, change: Callable[[], None]) -> None:
    """Change pictures, and whatever else changes with them, in one message to the page."""
    if picture.document is None:
        change()
    else:
        with pn.io.hold(picture.document):
            change()


class Slider(pn.widgets.FloatSlider):
    """A slider that waits shorter for further moves than Panel's (50 ms); those of a drag still come together."""

    _debounce = 10  # ms


def basis_beside(root: Path, sequence: str, frequency: float) -> Path:
    """The basis of a scan in the results of a study: of real scans that of their frequency (MHz)."""
    made = {
        float(path.name.split("@")[1].split("MHz")[0]): path for path in (root / "basis").glob(f"{sequence}@*MHz*/")
    }
    return made[min(made, key=lambda at: abs(at - frequency))] if made else root / "basis" / sequence


def plain(text: object) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"[\\`*_{}\[\]<>()#!|~&]", lambda found: f"&#{ord(found[0])};", str(text))


class DesignTab:
    """Start a design, watch its loss, stop it, keep the best; or look at a design that is there."""

    def __init__(
        self,
        configuration: Callable[[], dict],
        play: Callable[[Path, str], None],
        under: Callable[[float, float], tuple[np.ndarray, np.ndarray]],
    ) -> None:
        self.configuration, self.play, self.under = configuration, play, under
        self.verdicts: dict[str, str] = {}  # sentences, by the path of the pulse
        w = pn.widgets
        self.kind = w.Select(label="Place of the pulse", options=["gap", "prep", "excitation"], value="gap")
        goals = {"smallest CRLBs of the pair": "crlb", "smallest SD of its ratio": "ratio"}
        self.goal = w.Select(label="What it is for", options=goals, value="crlb")
        self.duration = Slider(label="Duration of the pulse (ms)", start=4, end=60, step=1, value=10)
        self.limit = Slider(label="Largest B1 (µT)", start=2, end=25, step=0.5, value=13.5)
        self.starts = w.IntSlider(label="Starts", start=1, end=8, value=3)
        self.iterations = w.IntSlider(label="Iterations", start=5, end=200, step=5, value=40)
        self.start = w.Button(label="Start a design", color="primary")
        self.stop = w.Button(label="Stop and keep the best", disabled=True)
        self.save = w.FileDownload(label="Save its pulse", filename="pulse.json", callback=self._pulse, disabled=True)
        self.folder = w.TextInput(label="Or the folder of a design", placeholder="results/design/gap_crlb")
        self.load = w.Button(label="Load it")
        self.status = pn.pane.Markdown("")
        self.loss = ColumnDataSource({"x": [], "y": []})
        self.course = figure(height=220, x_axis_label="step", y_axis_label="smallest loss", **WIDE)
        self.course.line("x", "y", source=self.loss, color=CYCLE[0], line_width=2)
        self.map = ColumnDataSource({"b1": [], "b0": [], "loss": []})
        self.robust = figure(height=260, x_axis_label="B0 (Hz)", y_axis_label="B1, relative", **WIDE)
        self.colour = linear_cmap("loss", "Viridis256", 0.0, 1.0)
        look = {"width": 10, "height": 0.1, "fill_color": self.colour, "line_color": None}
        self.robust.rect("b0", "b1", source=self.map, **look)
        self.robust.add_tools(HoverTool(tooltips=[("B1", "@b1"), ("B0 (Hz)", "@b0"), ("loss", "@loss{0.000}")]))
        self.robust.on_event(MouseMove, self._pointed)
        self.b1 = Slider(label="B1, relative", start=0.5, end=1.5, step=0.01, value=1.0)
        self.b0 = Slider(label="B0 (Hz)", start=-30, end=30, step=0.5, value=0.0)
        self.said_there = pn.pane.Markdown("Move over the map, or these two, to see the pair under another B1 and B0.")
        self.there = [ColumnDataSource({"x": [], "y": []}) for _ in range(4)]
        self.spectrum = figure(height=260, x_axis_label="chemical shift (ppm)", **WIDE)
        self.spectrum.x_range = Range1d(4.3, 0.3)
        for k, source in enumerate(self.there):
            look = {"color": CYCLE[k % 2], "line_width": 2.0 if k < 2 else 1.2, "line_alpha": 1.0 if k < 2 else 0.45}
            words = ("first, there", "second, there", "first, nominal", "second, nominal")[k]
            self.spectrum.line("x", "y", source=source, legend_label=words, **look)
        self.pointer: tuple[float, float] | None = None
        self.shares = [ColumnDataSource({"x": [], "y": []}) for _ in CLASSES]
        self.operators = figure(height=240, x_axis_label="time in the pulse (ms)", y_axis_label="share", **WIDE)
        self.whose = w.Select(label="Product operators of", options=[])
        self.whose.param.watch(lambda _: draw(self.operators, self._along), "value")
        self.pictures = pn.Column(visible=False, sizing_mode="stretch_width")
        for name, source, colour in zip(CLASSES, self.shares, CYCLE, strict=False):
            words = name.replace("_", " ")
            self.operators.line("x", "y", source=source, color=colour, line_width=2, legend_label=words)
        self.work, self.wanted, self.history = tempfile.TemporaryDirectory(prefix="spinsculpt-"), True, []
        self.found: dict | None = None
        self.said = ""
        self.thread: threading.Thread | None = None
        self.start.on_click(self._start)
        self.stop.on_click(lambda _: setattr(self, "wanted", False))
        self.load.on_click(self._load)
        for slider in (self.b1, self.b0):
            slider.param.watch(self._look, "value")

    def _pointed(self, event) -> None:
        """The pointer moved over the map: look there as soon as the server is free, but only at the latest place."""
        if event.x is None or event.y is None or not self.found:
            return
        waiting, self.pointer = self.pointer is not None, (float(event.y), float(event.x))
        if not waiting:
            self.robust.document.add_timeout_callback(self._move, 60)

    def _move(self) -> None:
        (b1, b0), self.pointer = self.pointer, None
        values = {self.b1: round(b1, 2), self.b0: round(2 * b0) / 2}
        clipped = {slider: min(max(value, slider.start), slider.end) for slider, value in values.items()}
        self.moving = True
        for slider, value in clipped.items():
            slider.value = value
        self.moving = False
        self._look(None)

    moving = False

    def _look(self, _) -> None:
        """Draw the pair at the B1 and B0 of the sliders, beside the nominal one."""
        if self.moving:
            return
        try:
            ppm, there = self.under(self.b1.value, self.b0.value)
            _, nominal = self.under(1.0, 0.0)
        except (SpinsculptError, ValueError, KeyError, OSError) as error:
            self.said_there.object = plain(brief(error))
            return
        shown = (ppm > 0.0) & (ppm < 4.6)

        def change() -> None:
            for source, values in zip(self.there, (*there, *nominal), strict=True):
                source.data = {"x": ppm[shown], "y": values[shown]}

        draw(self.spectrum, change)
        pair = self.configuration().compare.pair
        self.said_there.object = (
            f"{pair[0]} (first) and {pair[1]} (second) of the sequence on the screen at B1 × {self.b1.value:.2f} and "
            f"B0 {self.b0.value:+.1f} Hz; pale: without deviation."
        )

    def _pulse(self) -> io.BytesIO:
        return io.BytesIO((Path(self.work.name) / "explored/pulse.json").read_bytes())

    def close(self) -> None:
        """Stop what is running."""
        self.wanted = False

    def _entry(self, config: Study) -> DesignEntry:
        duration, echo_time = self.duration.value / 1e3, 0.030
        if self.kind.value == "gap":
            echo_time = max(0.028, 2 * (duration + 0.008))  # refocusing pulses and spoilers beside it
        goal = ObjectiveEntry(type=self.goal.value, metabolites=dict.fromkeys(config.compare.pair, 1))
        return DesignEntry(
            kind=self.kind.value,
            echo_time=echo_time,
            duration=duration,
            b1_limit=self.limit.value,
            knot_spacing=0.0005,
            metabolites=config.basis.metabolites,
            objectives=(goal,),
            starts=self.starts.value,
            iterations=self.iterations.value,
        )

    def _start(self, _) -> None:
        if self.thread and self.thread.is_alive():
            return
        try:
            config = self.configuration()
            entry, basis, system = self._entry(config), config.basis, config.system.limits()
        except SpinsculptError as error:
            self.status.object = plain(error)
            return
        self.wanted, self.history, self.found, self.said = True, [], None, "compiling the simulation …"
        self.start.disabled, self.stop.disabled = True, False

        def work() -> None:
            try:
                from spinsculpt.design import run_design

                out = Path(self.work.name) / "explored"
                how = {"resume": False, "progress": False, "watch": self._watch, "system": system}
                self.found = run_design("explored", entry, basis, out, **how)
            except (SpinsculptError, ValueError, RuntimeError, OSError, ImportError) as error:
                self.said = plain(f"The design failed: {brief(error)}")

        self.thread = threading.Thread(target=work, daemon=True)
        self.thread.start()
        self.ticks = pn.state.add_periodic_callback(self._tick, 400)

    def _watch(self, history: list[dict]) -> bool:
        best = min(row["loss"] for row in history)
        self.history.append(best)
        self.said = f"step {len(self.history)} of {self.iterations.value}, smallest loss {best:.4f}"
        return self.wanted

    def _tick(self) -> None:
        self.loss.data = {"x": list(range(1, len(self.history) + 1)), "y": list(self.history)}
        self.status.object = self.said
        if self.thread and not self.thread.is_alive():
            self.ticks.stop()
            self.start.disabled, self.stop.disabled = False, True
            if self.found:
                self.save.disabled = False
                self.play(Path(self.work.name) / "explored/pulse.json", self.found["kind"])
                draw(self.robust, partial(self._show, self.found))

    def _load(self, _) -> None:
        folder = Path(self.folder.value.strip() or ".")
        try:
            metrics = json.loads((folder / "metrics.json").read_text())
            slot = {"gap_pair": "gap", "prep_gap": "gap", "edit_pair": "edit"}.get(metrics["kind"], metrics["kind"])
            self.play(folder / "pulse.json", slot if slot in SLOTS else "gap")
            self.found = metrics
            draw(self.robust, partial(self._show, metrics))
        except (OSError, ValueError, KeyError, TypeError) as error:
            said = f"{folder} holds no design ({brief(error)}); name a folder with metrics.json."
            self.status.object = plain(said)

    def _show(self, metrics: Mapping) -> None:
        verdict = (metrics.get("verdict") or {}).get("sentence", "")
        steps = metrics["optimisation"]["iterations"]
        self.status.object = plain(f"{metrics['kind']} pulse, {steps} steps. {verdict} It is played now.")
        grid = pd.DataFrame(metrics["robustness"]["map"])
        names = [name for name in grid if name not in ("b1_scale", "b0_hz") and grid[name].nunique() > 1]
        if names:
            loss = grid[names[0]]
            self.colour["transform"].low, self.colour["transform"].high = float(loss.min()), float(loss.max())
            self.map.data = {"b1": grid["b1_scale"], "b0": grid["b0_hz"], "loss": loss}
        self.pictures.visible = True
        self.whose.options = list(dict.fromkeys(row["metabolite"] for row in metrics["operator_classes"]))
        self._along()
        self._look(None)

    def _along(self) -> None:
        """Draw the classes of product operators of the chosen metabolite along the pulse."""
        if not self.found:
            return
        rows = [row for row in self.found["operator_classes"] if row["metabolite"] == self.whose.value]
        for name, source in zip(CLASSES, self.shares, strict=True):
            values = [row.get(name, 0.0) for row in rows]
            source.data = {"x": [1e3 * row["time_s"] for row in rows], "y": values}

    def view(self) -> pn.viewable.Viewable:
        knobs = (self.kind, self.goal, self.duration, self.limit, self.starts, self.iterations, self.start, self.stop)
        other = pn.Column(self.folder, self.load, self.save, self.status)
        course, robust, spectrum, operators = (
            pn.pane.Bokeh(each, sizing_mode="stretch_width")
            for each in (self.course, self.robust, self.spectrum, self.operators)
        )
        sliders = pn.Row(self.b1, self.b0, styles={"flex-wrap": "wrap"})
        top = pn.Row(pn.Column(*knobs), other, styles={"flex-wrap": "wrap"})
        self.pictures.objects = [robust, sliders, self.said_there, spectrum, self.whose, operators]
        return pn.Column(top, course, self.pictures, sizing_mode="stretch_width")


def verdict_of(pulse: Path | str) -> str:
    """What metrics.json beside a pulse says of it, in words for a table."""
    try:
        verdict = json.loads(Path(pulse).with_name("metrics.json").read_text())["verdict"]
        words = {
            True: "better than its comparison sequences",
            False: "NOT better than its comparison sequences",
            None: "no sequence to compare it with",
        }
        return words[verdict["use"]]
    except (OSError, ValueError, KeyError, TypeError):
        return "not judged"


class RefitTab:
    """Fit a scan of a study again, with another baseline, beside the fit that is there."""

    def __init__(self) -> None:
        w = pn.widgets
        self.results = w.TextInput(label="Folder of the results", value="results")
        self.find = w.Button(label="Find its fits")
        self.fit = w.Select(label="Fit", options={})
        self.baseline = w.Select(
            label="New baseline", options=["poly:2", "poly:4", "spline", "spline:7", "spline:15", "average", "off"]
        )
        self.part = w.Select(label="Spectrum", options=[])
        self.again = w.Button(label="Fit again", color="primary", disabled=True)
        self.status = pn.pane.Markdown("")
        self.spectrum = figure(height=300, x_axis_label="chemical shift (ppm)", **WIDE)
        self.spectrum.x_range = Range1d(4.3, 0.2)
        self.lines = {name: ColumnDataSource({"x": [], "y": []}) for name in ("data", "fit", "baseline", "residual")}
        for (name, source), colour in zip(self.lines.items(), (GREY, *CYCLE[1:3], DARK), strict=False):
            self.spectrum.line("x", "y", source=source, color=colour, line_width=1.4, legend_label=name)
        self.table = pn.pane.DataFrame(pd.DataFrame(), index=False, float_format="{:.3g}".format)
        self.find.on_click(self._find)
        self.again.on_click(self._again)
        self.curves: dict = {}
        self.part.param.watch(self._curve, "value")

    def _find(self, _) -> None:
        root = Path(self.results.value.strip() or ".")
        paths = sorted((root / "fit/builtin").glob("sub-*/**/fit.npz"))
        self.fit.options = {str(path.parent.relative_to(root / "fit/builtin")): str(path) for path in paths}
        self.again.disabled = not paths
        self.status.object = (
            f"{len(paths)} fits" if paths else f"{plain(root)} holds no fits; name the folder `results` of a study."
        )

    def _again(self, _) -> None:
        from spinsculpt.fit import fit_files

        path, root = Path(self.fit.value), Path(self.results.value.strip() or ".")
        analysis, folder = path.parent.name, path.parent.parent.relative_to(root / "fit/builtin")
        scans = sorted((root / "preproc" / folder).glob("*_svs.nii.gz"), key=lambda one: -len(one.name))
        try:
            data = next(
                one for one in scans if analysis.startswith(one.name.split("_acq-")[1].removesuffix("_svs.nii.gz"))
            )
            sequence = data.name.split("_acq-")[1].removesuffix("_svs.nii.gz")
            with np.load(path) as arrays:
                labels = arrays["spectra"].tolist()
                before = dict(zip(arrays["names"].tolist(), range(len(arrays["names"])), strict=True))
            spectra = [] if labels == ["spectrum"] else labels
            basis = basis_beside(root, sequence, read_fids(data).central_frequency)
            bases = {label: basis / label for label in spectra} or {"": basis}
            section = Fit(ppm=self._range(path, labels[0]), baseline=self.baseline.value, groups=BROAD)
            water = data.with_name(data.name.replace("_svs", "_mrsref"))
            with tempfile.TemporaryDirectory(prefix="spinsculpt-") as out:
                result = fit_files(
                    data, bases, Path(out) / "fit", section, "builtin", water if water.exists() else None, spectra
                )
                new = pd.read_csv(Path(out) / "fit/summary.csv")
        except (SpinsculptError, OSError, ValueError, StopIteration) as error:
            self.status.object = plain(f"This fit could not be repeated: {brief(error)}")
            return
        self.curves = dict(zip(labels, result.curves, strict=True))
        self.part.options = labels
        self.part.value = labels[0]
        self._curve(None)
        old = pd.read_csv(path.with_name("summary.csv"))
        ratio = next(column for column in old if column.startswith("/") and not column.endswith(" CRLB"))
        kept = ["Metab", ratio, "%CRLB", "flag"]
        both = old[kept].merge(new[kept], on="Metab", suffixes=(" before", f" {self.baseline.value}"))
        self.table.object = both.astype(object).fillna("")
        self.status.object = f"{len(before)} basis functions, baseline {self.baseline.value}; nothing was written."

    def _curve(self, _) -> None:
        """Draw one spectrum of the new fit."""
        curve = self.curves.get(self.part.value)
        if curve is None:
            return
        shown = {"data": curve.data, "fit": curve.fit, "baseline": curve.baseline, "residual": curve.residual}
        drawn = {name: {"x": curve.ppm, "y": values.real} for name, values in shown.items()}
        draw(self.spectrum, lambda: [setattr(self.lines[name], "data", content) for name, content in drawn.items()])

    @staticmethod
    def _range(path: Path, label: str) -> list[float]:
        with np.load(path) as arrays:
            ppm = arrays[f"{label}_ppm"]
        return [round(float(ppm.min()), 2), round(float(ppm.max()), 2)]

    def view(self) -> pn.viewable.Viewable:
        chosen = pn.Column(self.fit, self.baseline, self.again, self.part)
        knobs = pn.Row(pn.Column(self.results, self.find), chosen, styles={"flex-wrap": "wrap"})
        picture = pn.pane.Bokeh(self.spectrum, sizing_mode="stretch_width")
        return pn.Column(knobs, self.status, picture, self.table, sizing_mode="stretch_width")
