"""Two further tabs: design a pulse and watch it, and fit a scan again with another baseline."""

import json
import tempfile
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import panel as pn
from bokeh.models import ColumnDataSource, HoverTool, Plot, Range1d
from bokeh.plotting import figure
from bokeh.transform import linear_cmap

from spinsculpt.config import SCHEMAS, read_yaml, validate
from spinsculpt.errors import SpinsculptError, brief

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
CLASSES = ("longitudinal", "z_order", "in_phase", "antiphase", "multi_spin")
WIDE = {"sizing_mode": "stretch_width", "tools": "xpan,xbox_zoom,reset,save"}


def draw(picture: Plot, change: Callable[[], None]) -> None:
    """Change pictures when the server allows it: at once before the page is shown, else as its next step."""
    if picture.document is None:
        change()
    else:
        picture.document.add_next_tick_callback(change)


class DesignTab:
    """Start a design, watch its loss, stop it, keep the best; or look at a design that is there."""

    def __init__(self, configuration: Callable[[], dict], play: Callable[[Path, str], None]) -> None:
        self.configuration, self.play = configuration, play
        w = pn.widgets
        self.duration = w.FloatSlider(label="Duration of the gap pulse (ms)", start=4, end=20, step=1, value=10)
        self.limit = w.FloatSlider(label="Largest B1 (µT)", start=2, end=25, step=0.5, value=13.5)
        self.starts = w.IntSlider(label="Starts", start=1, end=8, value=3)
        self.iterations = w.IntSlider(label="Iterations", start=5, end=200, step=5, value=40)
        self.start = w.Button(label="Start a design", color="primary")
        self.stop = w.Button(label="Stop and keep the best", disabled=True)
        self.folder = w.TextInput(label="Or the folder of a design", placeholder="results/design/gap_crlb")
        self.load = w.Button(label="Load it")
        self.status = pn.pane.Markdown("")
        self.loss = ColumnDataSource({"x": [], "y": []})
        self.course = figure(height=220, x_axis_label="step", y_axis_label="smallest loss", **WIDE)
        self.course.line("x", "y", source=self.loss, color=COLOURS[0], line_width=2)
        self.map = ColumnDataSource({"b1": [], "b0": [], "loss": []})
        self.robust = figure(height=260, x_axis_label="B0 (Hz)", y_axis_label="B1, relative", **WIDE)
        self.colour = linear_cmap("loss", "Viridis256", 0.0, 1.0)
        look = {"width": 9, "height": 0.05, "fill_color": self.colour, "line_color": None}
        self.robust.rect("b0", "b1", source=self.map, **look)
        self.robust.add_tools(HoverTool(tooltips=[("B1", "@b1"), ("B0 (Hz)", "@b0"), ("loss", "@loss{0.000}")]))
        self.shares = [ColumnDataSource({"x": [], "y": []}) for _ in CLASSES]
        self.operators = figure(height=240, x_axis_label="time in the pulse (ms)", y_axis_label="share", **WIDE)
        for name, source, colour in zip(CLASSES, self.shares, COLOURS, strict=False):
            words = name.replace("_", " ")
            self.operators.line("x", "y", source=source, color=colour, line_width=2, legend_label=words)
        self.work, self.wanted, self.history = tempfile.TemporaryDirectory(prefix="spinsculpt-"), True, []
        self.found: dict | None = None
        self.said = ""
        self.thread: threading.Thread | None = None
        self.start.on_click(self._start)
        self.stop.on_click(lambda _: setattr(self, "wanted", False))
        self.load.on_click(self._load)

    def _entry(self, config: Mapping) -> dict:
        entry = {
            "kind": "gap",
            "echo_time": 0.028,
            "duration": self.duration.value / 1e3,
            "b1_limit": self.limit.value,
            "knot_spacing": 0.0005,
            "metabolites": list(config["basis"]["metabolites"]),
            "objectives": [{"type": "crlb", "metabolites": dict.fromkeys(config["compare"]["pair"], 1)}],
            "starts": self.starts.value,
            "iterations": self.iterations.value,
        }
        entry["echo_time"] = max(0.028, 2 * (entry["duration"] + 0.008))  # refocusing pulses and spoilers beside it
        return validate({"explored": entry}, read_yaml(SCHEMAS / "design.schema.yaml"))["explored"]

    def _start(self, _) -> None:
        if self.thread and self.thread.is_alive():
            return
        try:
            config = self.configuration()
            entry, basis = self._entry(config), config["basis"]
        except SpinsculptError as error:
            self.status.object = str(error)
            return
        self.wanted, self.history, self.found, self.said = True, [], None, "compiling the simulation …"
        self.start.disabled, self.stop.disabled = True, False

        def work() -> None:
            try:
                from spinsculpt.design import run_design

                out = Path(self.work.name) / "explored"
                self.found = run_design("explored", entry, basis, out, resume=False, progress=False, watch=self._watch)
            except (SpinsculptError, ValueError, RuntimeError, OSError, ImportError) as error:
                self.said = f"The design failed: {brief(error)}"

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
                draw(self.robust, partial(self._show, self.found))
                self.play(Path(self.work.name) / "explored/pulse.json", "gap")

    def _load(self, _) -> None:
        folder = Path(self.folder.value.strip() or ".")
        try:
            metrics = json.loads((folder / "metrics.json").read_text())
            draw(self.robust, partial(self._show, metrics))
            slot = {"gap_pair": "gap"}.get(metrics["kind"], metrics["kind"])
            self.play(folder / "pulse.json", slot if slot in ("gap", "prep", "excitation") else "gap")
        except (OSError, ValueError, KeyError) as error:
            self.status.object = f"`{folder}` holds no design ({brief(error)}); name a folder with metrics.json."

    def _show(self, metrics: Mapping) -> None:
        verdict = (metrics.get("verdict") or {}).get("sentence", "")
        steps = metrics["optimisation"]["iterations"]
        self.status.object = f"{metrics['kind']} pulse, {steps} steps. {verdict} It is played now."
        grid = pd.DataFrame(metrics["robustness"]["map"])
        names = [name for name in grid if name not in ("b1_scale", "b0_hz") and grid[name].nunique() > 1]
        if names:
            loss = grid[names[0]]
            self.colour["transform"].low, self.colour["transform"].high = float(loss.min()), float(loss.max())
            self.map.data = {"b1": grid["b1_scale"], "b0": grid["b0_hz"], "loss": loss}
        along = pd.DataFrame(metrics["operator_classes"])
        along = along[along["metabolite"] == along["metabolite"].iloc[0]]
        for name, source in zip(CLASSES, self.shares, strict=True):
            values = along[name] if name in along else np.zeros(len(along))
            source.data = {"x": 1e3 * along["time_s"], "y": values}

    def view(self) -> pn.viewable.Viewable:
        knobs = pn.Column(self.duration, self.limit, self.starts, self.iterations, self.start, self.stop)
        other = pn.Column(self.folder, self.load, self.status)
        pictures = [
            pn.pane.Bokeh(each, sizing_mode="stretch_width") for each in (self.course, self.robust, self.operators)
        ]
        return pn.Column(pn.Row(knobs, other), *pictures, sizing_mode="stretch_width")


class RefitTab:
    """Fit a scan of a study again, with another baseline, beside the fit that is there."""

    def __init__(self) -> None:
        w = pn.widgets
        self.results = w.TextInput(label="Folder of the results", value="results")
        self.find = w.Button(label="Find its fits")
        self.fit = w.Select(label="Fit", options={})
        self.baseline = w.Select(
            label="New baseline", options=["poly:2", "poly:4", "spline", "spline:7", "spline:15", "off"]
        )
        self.again = w.Button(label="Fit again", color="primary", disabled=True)
        self.status = pn.pane.Markdown("")
        self.spectrum = figure(height=300, x_axis_label="chemical shift (ppm)", **WIDE)
        self.spectrum.x_range = Range1d(4.3, 0.2)
        self.lines = {name: ColumnDataSource({"x": [], "y": []}) for name in ("data", "fit", "baseline", "residual")}
        for (name, source), colour in zip(self.lines.items(), ("#999999", *COLOURS[1:3], "#333333"), strict=False):
            self.spectrum.line("x", "y", source=source, color=colour, line_width=1.4, legend_label=name)
        self.table = pn.pane.DataFrame(pd.DataFrame(), index=False, float_format="{:.3g}".format)
        self.find.on_click(self._find)
        self.again.on_click(self._again)

    def _find(self, _) -> None:
        root = Path(self.results.value.strip() or ".")
        paths = sorted((root / "fit/builtin").glob("sub-*/**/fit.npz"))
        self.fit.options = {str(path.parent.relative_to(root / "fit/builtin")): str(path) for path in paths}
        self.again.disabled = not paths
        self.status.object = (
            f"{len(paths)} fits" if paths else f"`{root}` holds no fits; name the folder `results` of a study."
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
            basis = root / "basis" / sequence
            bases = {label: basis / label for label in spectra} or {"": basis}
            section = {
                "ppm": self._range(path, labels[0]),
                "baseline": self.baseline.value,
                "groups": [["MM*", "Lip*"]],
            }
            water = data.with_name(data.name.replace("_svs", "_mrsref"))
            with tempfile.TemporaryDirectory(prefix="spinsculpt-") as out:
                result = fit_files(
                    data, bases, Path(out) / "fit", section, "builtin", water if water.exists() else None, spectra
                )
                new = pd.read_csv(Path(out) / "fit/summary.csv")
        except (SpinsculptError, OSError, ValueError, StopIteration) as error:
            self.status.object = f"This fit could not be repeated: {brief(error)}"
            return
        curve = result.curves[0]
        shown = {"data": curve.data, "fit": curve.fit, "baseline": curve.baseline, "residual": curve.residual}
        drawn = {name: {"x": curve.ppm, "y": values.real} for name, values in shown.items()}
        draw(self.spectrum, lambda: [setattr(self.lines[name], "data", content) for name, content in drawn.items()])
        old = pd.read_csv(path.with_name("summary.csv"))
        ratio = next(column for column in old if column.startswith("/") and not column.endswith(" CRLB"))
        kept = ["Metab", ratio, "%CRLB", "flag"]
        both = old[kept].merge(new[kept], on="Metab", suffixes=(" before", f" {self.baseline.value}"))
        self.table.object = both.astype(object).fillna("")
        self.status.object = f"{len(before)} basis functions, baseline {self.baseline.value}; nothing was written."

    @staticmethod
    def _range(path: Path, label: str) -> list[float]:
        with np.load(path) as arrays:
            ppm = arrays[f"{label}_ppm"]
        return [round(float(ppm.min()), 2), round(float(ppm.max()), 2)]

    def view(self) -> pn.viewable.Viewable:
        knobs = pn.Row(pn.Column(self.results, self.find), pn.Column(self.fit, self.baseline, self.again))
        picture = pn.pane.Bokeh(self.spectrum, sizing_mode="stretch_width")
        return pn.Column(knobs, self.status, picture, self.table, sizing_mode="stretch_width")
