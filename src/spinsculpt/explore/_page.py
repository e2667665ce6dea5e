"""The page: widgets whose values become a configuration, and pictures of what the library makes of it."""

import io
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import panel as pn
from bokeh.models import ColumnDataSource, HoverTool, Range1d
from bokeh.plotting import figure

from spinsculpt.basis import DEFAULT_METABOLITES
from spinsculpt.errors import SpinsculptError, brief
from spinsculpt.explore._bench import ANCHOR, Shown, configuration, diagram, profiles, ranking, show
from spinsculpt.explore._save import notebook_text, yaml_text
from spinsculpt.explore._tabs import DesignTab, RefitTab, draw
from spinsculpt.pulses import read_designed
from spinsculpt.spins import load_library

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MOST = 6  # sequences side by side
TYPES = ["press", "megapress", "steam", "slaser", "spin_echo", "pulse_acquire"]
SHAPES = ["auto", "ideal", "slr", "sinc", "sech", "goia"]
MACROMOLECULES = ["MM09", "MM12", "MM14", "MM17", "MM20", "MM37", "MM39"]
SPECTRA = {"ON and OFF together": ["on", "off"], "DIFF alone": ["diff"]}
NOW = "now"  # name of the sequence that the sliders move


class Workbench:
    """State of one visitor: widgets, sequences that were kept, uploaded pulses."""

    def __init__(self, start: Mapping | None = None) -> None:
        self.kept: dict[str, tuple[dict, list]] = {}
        self.files: dict[str, str] = {}
        self.folder = tempfile.TemporaryDirectory(prefix="spinsculpt-")
        self.config: dict = {}
        self.fine = False
        library = load_library()
        names = sorted(library.metabolites)
        w = pn.widgets
        self.kind = w.Select(label="Sequence", options=TYPES, value="press")
        self.echo_time = w.FloatSlider(label="Echo time (ms)", start=6, end=200, step=1, value=30)
        self.te1 = w.FloatSlider(label="TE1 (ms), PRESS and MEGA-PRESS", start=4, end=60, step=0.5, value=12)
        self.mixing_time = w.FloatSlider(label="Mixing time (ms), STEAM", start=5, end=100, step=1, value=10)
        self.refocusing = w.Select(label="Refocusing pulses", options=SHAPES, value="auto")
        self.slot = w.Select(label="Slot of an own pulse", options=["gap", "prep", "excitation"], value="gap")
        self.upload = w.FileInput(label="Own pulse (pulse.json)", accept=".json")
        self.own = w.Checkbox(label="Play the own pulse", value=False, disabled=True)
        self.spectra = w.Select(label="MEGA-PRESS: fit", options=list(SPECTRA))
        self.field = w.FloatSlider(label="Field (T)", start=1.5, end=11.7, step=0.1, value=3.0)
        self.linewidth = w.FloatSlider(label="Linewidth (Hz)", start=1, end=20, step=0.5, value=5)
        self.snr = w.FloatSlider(label="SNR of NAA in PRESS TE 30", start=10, end=300, step=5, value=100)
        self.metabolites = w.MultiChoice(label="Metabolites", options=names, value=["NAA", "Cr", "Glu", "Gln"])
        self.all_metabolites = w.Button(label="all 20 of the default basis")
        self.first = w.Select(label="Pair: first", options=["Glu"], value="Glu")
        self.second = w.Select(label="Pair: second", options=["Gln"], value="Gln")
        self.whose = w.Select(label="Concentration of", options=["Glu"])
        self.concentration = w.FloatInput(label="Concentration (mM)", start=0.01, end=100, step=0.5, value=8.0)
        self.concentrations: dict[str, float] = {}
        self.typical = {name: one.concentration for name, one in library.metabolites.items()}
        self.baseline = w.Select(label="Baseline", options=["poly:2", "poly:4", "spline:7", "spline:15", "off"])
        self.macromolecules = w.Select(label="Macromolecules", options=["none", "free", "grouped"], value="none")
        self.keep = w.Button(label="Keep this sequence beside", color="primary")
        self.clear = w.Button(label="Clear what is kept")
        self.message = pn.pane.Markdown("", styles={"color": "#a33f00"})
        self.took = pn.pane.HTML("", css_classes=["took"])
        self.save = w.FileDownload(callback=self._yaml, filename="explored.yaml", label="Save as config")
        self.notebook = w.FileDownload(callback=self._notebook, filename="explored.ipynb", label="Open in notebook")
        self.design, self.refit = DesignTab(self.configure, self._play), RefitTab()
        self._pictures()
        if start:
            self._load(start)
        self._offer()
        watched = ("kind", "echo_time", "te1", "mixing_time", "refocusing", "slot", "own", "spectra", "field")
        watched += ("linewidth", "snr", "metabolites", "first", "second", "baseline", "macromolecules")
        for name in watched:
            getattr(self, name).param.watch(self._changed, "value")
        self.whose.param.watch(self._whose, "value")
        self.concentration.param.watch(self._concentration, "value")
        self.all_metabolites.on_click(lambda _: setattr(self.metabolites, "value", list(DEFAULT_METABOLITES)))
        self.upload.param.watch(self._uploaded, "value")
        self.keep.on_click(self._keep)
        self.clear.on_click(self._clear)
        self.update()

    # widgets and the configuration

    def _load(self, start: Mapping) -> None:
        """Set the widgets from a configuration; its further sequences are kept beside."""
        basis, compare = start.get("basis", {}), start.get("compare", {})
        entries = {name: dict(entry) for name, entry in start.get("sequences", {}).items() if name != ANCHOR}
        entries = {name: entry for name, entry in entries.items() if entry.get("type") in TYPES}
        for name, entry in list(entries.items())[: MOST - 1]:
            if name != NOW and not any(entry.get(slot) for slot in ("excitation", "prep", "gap", "edit")):
                self.kept[name] = (entry, list(start.get("analyses", {}).get(name, {}).get("spectra", [])))
        entry = entries.get(NOW)
        if entry:
            self.kind.value = entry["type"]
            self.echo_time.value = 1e3 * entry.get("echo_time", 0.03)
            self.te1.value = 1e3 * entry.get("te1", 0.012)
            self.refocusing.value = (entry.get("refocusing") or {}).get("shape", "auto")
        if "metabolites" in basis:
            self.metabolites.value = [n for n in basis["metabolites"] if n in self.metabolites.options]
        self.field.value = basis.get("field", self.field.value)
        self.linewidth.value = compare.get("linewidth_hz", self.linewidth.value)
        self.snr.value = compare.get("noise", {}).get("snr", self.snr.value)
        if basis.get("macromolecules"):
            self.macromolecules.value = compare.get("macromolecules", ["free"])[0]
        self.concentrations = dict(compare.get("concentrations", {}))
        self._offer()
        first, second = compare.get("pair", ("Glu", "Gln"))
        if {first, second} <= set(self.metabolites.value):
            self.first.value, self.second.value = first, second

    def _offer(self) -> None:
        """The pair is chosen of the metabolites."""
        names = list(self.metabolites.value)
        for widget, default in ((self.first, 0), (self.second, 1), (self.whose, 0)):
            value = widget.value
            widget.options = names
            if value not in names and names:
                widget.value = names[min(default, len(names) - 1)]

    def entry(self) -> dict:
        """The entry of `sequences` that the sliders describe."""
        kind = self.kind.value
        found: dict = {"type": kind}
        if kind != "pulse_acquire":
            found["echo_time"] = round(self.echo_time.value / 1e3, 6)
        if kind in ("press", "megapress"):
            found["te1"] = round(self.te1.value / 1e3, 6)
        if kind == "steam":
            found["mixing_time"] = round(self.mixing_time.value / 1e3, 6)
        if self.refocusing.value == "ideal":
            found["ideal"] = True
        elif self.refocusing.value != "auto" and kind not in ("steam", "pulse_acquire"):
            found["refocusing"] = {"shape": self.refocusing.value}
        if self.own.value and self.files:
            found[self.slot.value] = next(reversed(self.files))
        return found

    def chosen_spectra(self) -> list:
        return SPECTRA[self.spectra.value] if self.kind.value == "megapress" else []

    def configure(self) -> dict:
        """The configuration of what is on the screen."""
        names = list(self.metabolites.value)
        if len(names) < 2 or self.first.value == self.second.value:
            raise SpinsculptError("Choose two different metabolites for the pair.")
        sequences = {name: entry for name, (entry, _) in self.kept.items()} | {NOW: self.entry()}
        spectra = {name: spectra for name, (_, spectra) in self.kept.items()} | {NOW: self.chosen_spectra()}
        grouped = self.macromolecules.value
        basis = {
            "field": round(self.field.value, 3),
            "bandwidth": 2000 if self.field.value <= 4 else 6000,
            "metabolites": names,
            "macromolecules": [] if grouped == "none" else MACROMOLECULES,
        }
        compare = {
            "pair": [self.first.value, self.second.value],
            "noise": {"metabolite": "NAA" if "NAA" in names else names[0], "snr": self.snr.value},
            "linewidth_hz": self.linewidth.value,
            "baselines": {"chosen": self.baseline.value},
            "macromolecules": ["free" if grouped == "none" else grouped],
            "concentrations": {name: value for name, value in self.concentrations.items() if name in names},
        }
        return configuration(sequences, spectra, basis, compare, {})

    def _yaml(self) -> io.StringIO:
        return io.StringIO(yaml_text(self.config))

    def _notebook(self) -> io.StringIO:
        return io.StringIO(notebook_text(self.config))

    # events

    def _changed(self, event) -> None:
        if event.obj is self.metabolites:
            self._offer()
        if event.obj is self.kind and event.new == "megapress" and self.echo_time.value < 60:
            self.echo_time.value = 68  # the usual one; two editing pulses do not fit into less
            return
        self.update()

    def _whose(self, _) -> None:
        self.concentration.value = self.concentrations.get(self.whose.value, self.typical.get(self.whose.value, 1.0))

    def _concentration(self, event) -> None:
        name = self.whose.value
        if event.new and event.new != self.concentrations.get(name, self.typical.get(name)):
            self.concentrations[name] = float(event.new)
            self.update()

    def _uploaded(self, event) -> None:
        if event.new:
            self._add(event.new)
            self.update()

    def _add(self, content: bytes) -> None:
        name = f"own{len(self.files) + 1}"
        path = Path(self.folder.name) / f"{name}.json"
        path.write_bytes(content)
        self.files[name] = str(path)
        self.own.disabled = False
        self.own.value = True

    def _play(self, pulse: Path, slot: str) -> None:
        """Play a designed pulse in its slot, in the sequence and at the echo time that it was made for."""
        self._add(pulse.read_bytes())
        made = read_designed(pulse)
        self.kind.value, self.slot.value = "pulse_acquire" if slot != "gap" else "press", slot
        if slot == "gap" and made.times:
            self.echo_time.value = 1e3 * (made.times["te1"] + made.times["te2"])
            self.te1.value = 1e3 * made.times["te1"]
        self.update()

    def _keep(self, _) -> None:
        if not self.fine:
            return  # the message says what to change first
        if len(self.kept) >= MOST - 1:
            self.message.object = f"{MOST} sequences are side by side already; clear some."
            return
        time_ms = "" if self.kind.value == "pulse_acquire" else f"{self.echo_time.value:.0f}"
        stem = f"{self.kind.value.replace('_', '')}{time_ms}"
        name, count = stem, 1
        while name in self.kept or name == ANCHOR:
            count += 1
            name = f"{stem}x{count}"
        self.kept[name] = (self.entry(), self.chosen_spectra())
        self.update()

    def _clear(self, _) -> None:
        self.kept.clear()
        self.update()

    # pictures

    def _pictures(self) -> None:
        wide = {"sizing_mode": "stretch_width", "tools": "xpan,xbox_zoom,xwheel_zoom,reset,save"}
        self.spectrum = figure(height=340, x_axis_label="chemical shift (ppm)", y_axis_label="signal (a.u.)", **wide)
        self.spectrum.x_range = Range1d(4.3, 0.3)
        self.spectrum.add_tools(HoverTool(tooltips=[("", "@name"), ("ppm", "@x{0.000}"), ("value", "@y{0.00}")]))
        self.lines = [ColumnDataSource({"x": [], "y": [], "name": []}) for _ in range(MOST + 2)]
        for k, source in enumerate(self.lines):
            look = {"color": COLOURS[k], "line_width": 1.8} if k < MOST else {"line_width": 1.4, "line_dash": "dashed"}
            look |= {} if k < MOST else {"color": ("#444444", "#999999")[k - MOST]}
            self.spectrum.line("x", "y", source=source, **look)
        self.key = pn.pane.HTML("")
        self.timing = figure(height=190, x_axis_label="time (ms)", y_range=(-0.3, 1.5), **wide)
        self.events = ColumnDataSource({"left": [], "right": [], "top": [], "event": [], "colour": []})
        self.timing.quad(left="left", right="right", bottom=0, top="top", color="colour", source=self.events)
        self.timing.add_tools(HoverTool(tooltips=[("", "@event"), ("from (ms)", "@left{0.00}")]))
        self.timing.yaxis.visible = False
        self.waveform = figure(height=220, x_axis_label="time (ms)", y_axis_label="B1 (µT)", **wide)
        self.profile = figure(height=220, x_axis_label="offset (Hz)", y_axis_label="profile", **wide)
        self.waves, self.bands = ([ColumnDataSource({"x": [], "y": []}) for _ in range(4)] for _ in range(2))
        for k, (wave, band) in enumerate(zip(self.waves, self.bands, strict=True)):
            self.waveform.line("x", "y", source=wave, color=COLOURS[k], line_width=1.5)
            self.profile.line("x", "y", source=band, color=COLOURS[k], line_width=1.5)
        self.ideal = pn.pane.Markdown("")
        self.bounds = pn.pane.DataFrame(pd.DataFrame(), index=False, float_format="{:.3g}".format)
        self.ranks = pn.pane.DataFrame(pd.DataFrame(), index=False, float_format="{:.3g}".format)

    def update(self) -> None:
        """Compute and draw; what the library refuses is said on the page."""
        began = time.perf_counter()
        try:
            self.config = self.configure()
            shown = show(self.config, self.files)
        except SpinsculptError as error:
            self._empty(str(error))
            return
        except (ValueError, KeyError, OSError) as error:
            self._empty(f"This combination cannot be shown ({brief(error)}); change what you set last.")
            return
        self.fine = True
        self.message.object = ""
        self._write(shown, self.config["compare"]["pair"])
        draw(self.spectrum, partial(self._draw, shown, self.config["compare"]["pair"]))
        self.took.object = f"<small>computed in {1e3 * (time.perf_counter() - began):.0f} ms</small>"

    def _empty(self, sentence: str) -> None:
        """Say what is wrong; nothing on the screen may look as if it belonged to these settings."""
        self.fine, self.message.object = False, _escaped(sentence)
        self.bounds.object = self.ranks.object = pd.DataFrame()
        self.key.object = self.took.object = ""
        draw(self.spectrum, self._clear_pictures)

    def _clear_pictures(self) -> None:
        for source in self.lines:
            source.data = {"x": [], "y": [], "name": []}
        for source in (*self.waves, *self.bands):
            source.data = {"x": [], "y": []}
        self.events.data = {"left": [], "right": [], "top": [], "event": [], "colour": []}

    def _write(self, shown: Mapping[str, Shown], pair: list[str]) -> None:
        """Key, tables and words."""
        keys = [f'<span style="color:{COLOURS[k]}">■ {name}</span>' for k, name in enumerate(shown)]
        greys = zip(pair, ("#444444", "#999999"), strict=True)
        keys += [f'<span style="color:{grey}">┄ {metabolite}, {NOW}</span>' for metabolite, grey in greys]
        self.key.object = " &nbsp; ".join(keys)
        table = pd.DataFrame({name: pd.Series(one.bounds) for name, one in shown.items()})
        self.bounds.object = table.rename_axis("CRLB (%)").reset_index()
        self.ranks.object = ranking(shown, pair)
        ideal = "All pulses are ideal (infinitely short): they have no shape and no profile."
        self.ideal.object = "" if profiles(shown[NOW].sequence) else ideal

    def _draw(self, shown: Mapping[str, Shown], pair: list[str]) -> None:
        now = shown[NOW]
        for k, source in enumerate(self.lines[:MOST]):
            if k >= len(shown):
                source.data = {"x": [], "y": [], "name": []}
                continue
            name, one = list(shown.items())[k]
            x, y = _window(one, sum(values.sum(axis=0) for values in one.spectra.values()))
            source.data = {"x": x, "y": y, "name": [name] * len(x)}
        first = next(iter(now.spectra.values()))
        for k, metabolite in enumerate(pair):
            x, y = _window(now, first[now.names.index(metabolite)])
            self.lines[MOST + k].data = {"x": x, "y": y, "name": [f"{metabolite} ({NOW})"] * len(x)}
        shot = next(iter(diagram(now.sequence).values()))
        tiny = max(0.15, 0.004 * float((shot["start"] + shot["duration"]).max() or 1))
        drawn = shot[shot["event"] != "delay"]
        spoiler = drawn["event"] == "spoiler"
        self.events.data = {
            "left": drawn["start"],
            "right": drawn["start"] + drawn["duration"].clip(lower=tiny),
            "top": np.where(spoiler, 0.35, 1.0),
            "event": drawn["event"] + drawn["peak"].map(lambda peak: "" if np.isnan(peak) else f", {peak:.1f} µT"),
            "colour": np.where(spoiler, "#999999", "#0072B2"),
        }
        pulses = profiles(now.sequence)[:4]
        for k, (wave, band) in enumerate(zip(self.waves, self.bands, strict=True)):
            pulse = pulses[k] if k < len(pulses) else None
            wave.data = {"x": pulse["time"], "y": np.abs(pulse["b1"])} if pulse else {"x": [], "y": []}
            key = "refocuses" if pulse and pulse["refocuses"].max() > 0.9 else "excites"
            band.data = {"x": pulse["offset"], "y": pulse[key]} if pulse else {"x": [], "y": []}

    def view(self) -> pn.viewable.Viewable:
        """The whole page."""
        sequence = (self.kind, self.echo_time, self.te1, self.mixing_time, self.refocusing, self.spectra)
        pulses = (pn.pane.HTML("Own pulse (pulse.json of a design)"), self.upload, self.slot, self.own)
        world = (self.field, self.linewidth, self.snr, self.baseline, self.macromolecules)
        amounts = (self.metabolites, self.all_metabolites, self.first, self.second, self.whose, self.concentration)
        cards = [
            pn.Card(*group, title=title, collapsed=title == "Own pulse", sizing_mode="stretch_width")
            for title, group in (
                ("Sequence", sequence),
                ("Own pulse", pulses),
                ("Field, noise, model", world),
                ("Metabolites", amounts),
            )
        ]
        side = pn.Column(*cards, self.keep, self.clear, self.save, self.notebook, width=320)
        main = pn.Column(
            self.message,
            pn.Row(self.key, self.took),
            self.spectrum,
            pn.Tabs(
                ("Ranking", self.ranks),
                ("Bounds", self.bounds),
                ("Sequence", pn.pane.Bokeh(self.timing, sizing_mode="stretch_width")),
                (
                    "Pulses and profiles",
                    pn.Column(self.ideal, self.waveform, self.profile, sizing_mode="stretch_width"),
                ),
                ("Design a pulse", self.design.view()),
                ("Fit a scan again", self.refit.view()),
                sizing_mode="stretch_width",
            ),
            sizing_mode="stretch_width",
            min_width=420,
        )
        return pn.Row(side, main, sizing_mode="stretch_width")


def _window(one: Shown, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inside = (one.ppm > 0.0) & (one.ppm < 4.6)
    return one.ppm[inside], values[inside]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
