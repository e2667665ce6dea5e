"""The page: widgets whose values become a configuration, and pictures of what the library makes of it."""

import io
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import panel as pn
from bokeh.models import ColumnDataSource, HoverTool, Range1d
from bokeh.plotting import figure

from spinsculpt.app.explore._bench import (
    ANCHOR,
    NOW,
    Shown,
    configuration,
    diagram,
    entry_files,
    profiles,
    ranking,
    show,
    under,
)
from spinsculpt.app.explore._save import notebook_text, saved, yaml_text
from spinsculpt.app.explore._tabs import DesignTab, RefitTab, Slider, draw, plain, verdict_of
from spinsculpt.app.plan import spectra_of
from spinsculpt.config import (
    COMBINED,
    SLOTS,
    Basis,
    Compare,
    Fit,
    NoiseLevel,
    Refocusing,
    SequenceEntry,
    Study,
    SystemEntry,
    orders_of_text,
)
from spinsculpt.core.colours import BLUE, CYCLE, GREY, INKS, WARNING
from spinsculpt.core.errors import SpinsculptError, brief
from spinsculpt.core.system import PRESETS
from spinsculpt.physics.pulses import DesignedPulses, read_designed, read_pulse, write_designed
from spinsculpt.physics.spins import load_library

MOST = 6  # sequences side by side
TYPES = ["press", "megapress", "steam", "slaser", "special", "megaslaser", "spin_echo", "pulse_acquire", "file"]
TWO_ECHOES = ("press", "megapress")
UNREFOCUSED = ("steam", "pulse_acquire", "file")
SHAPES = ["auto", "ideal", "slr", "sinc", "sech", "goia"]
USES = {
    "gap (between the refocusing pulses of PRESS)": "gap",
    "prep (before PRESS)": "prep",
    "excitation": "excitation",
    "refocusing pulses": "refocusing",
    "slice-selective excitation": "selective_excitation",
    "editing pulses": "editing",
    "designed editing pulses": "edit",
}
FITTED = "what is fitted, added up"


class Workbench:
    """State of one visitor: widgets, sequences that were kept, uploaded files."""

    def __init__(self, start: Study | None = None) -> None:
        self.kept: dict[str, tuple[SequenceEntry, tuple[str, ...]]] = {}
        self.pulses: dict[str, str] = {}  # own pulses: where they are, by the name of the upload
        self.sequences: dict[str, str] = {}  # own sequence files: where they are, by shot
        self.base: Study | None = None  # the configuration it began with
        self.more: SequenceEntry | None = None  # entry that the one on the screen takes after where it has no slider
        self.folder = tempfile.TemporaryDirectory(prefix="spinsculpt-")
        self.config: Study | None = None
        self.fine = self.quiet = False
        self.moves = 0
        self._widgets()
        self.design, self.refit = DesignTab(self.configure, self._play, self._under), RefitTab()
        self._pictures()
        if start:
            self._load(start)
        self._offer()
        self._offer_spectra()
        self._whose(None)
        watched = ("kind", "echo_time", "shortest", "te1", "shortest_te1", "mixing_time", "refocusing", "spectra")
        watched += ("which", "use", "pulse_ms", "flip", "own", "orders", "system", "field", "linewidth", "snr")
        watched += ("metabolites", "first", "second", "baseline", "macromolecules", "part", "pieces")
        for name in watched:
            getattr(self, name).param.watch(self._changed, "value")
        self.whose.param.watch(self._whose, "value")
        self.concentration.param.watch(self._concentration, "value")
        self.all_metabolites.on_click(lambda _: setattr(self.metabolites, "value", list(Basis.metabolites)))
        self.all_pieces.on_click(lambda _: setattr(self.pieces, "value", list(self.pieces.options)))
        self.upload.param.watch(self._uploaded, "value")
        self.upload_sequence.param.watch(self._uploaded_sequence, "value")
        self.keep.on_click(self._keep)
        self.clear.on_click(self._clear)
        self.update()

    def _widgets(self) -> None:
        library = load_library()
        names = sorted(library.metabolites)
        presets = [*PRESETS, None]
        w = pn.widgets
        self.kind = w.Select(label="Sequence", options=TYPES, value="press")
        self.echo_time = Slider(label="Echo time (ms)", start=6, end=200, step=1, value=30)
        self.shortest = w.Checkbox(label="Shortest echo time that can be played", value=False)
        self.te1 = Slider(label="TE1 (ms), PRESS and MEGA-PRESS", start=4, end=60, step=0.5, value=12)
        self.shortest_te1 = w.Checkbox(label="Shortest TE1 that can be played", value=False)
        self.mixing_time = Slider(label="Mixing time (ms), STEAM", start=5, end=100, step=1, value=10)
        self.refocusing = w.Select(label="Refocusing pulses", options=SHAPES, value="auto")
        self.spectra = w.Select(label="Sub-spectra to fit", options={"the only one": ()}, value=())
        self.system = w.Select(label="Scanner", options=presets, value=presets[0])
        self.upload = w.FileInput(accept=".json,.pta,.rf,.RF,.txt,.exc,.rfc,.inv")
        self.which = w.Select(label="Own pulse", options=[])
        self.use = w.Select(label="Play it as", options=USES, value="gap")
        self.pulse_ms = w.FloatInput(label="Its duration (ms), where the file has none", start=0.05, end=500, value=10)
        self.flip = w.FloatInput(label="Its flip angle (°), where the file has none", start=1, end=360, value=180)
        self.own = w.Checkbox(label="Play the own pulse", value=False, disabled=True)
        self.upload_sequence = w.FileInput(accept=".seq,.json", multiple=True)
        self.orders = w.TextInput(label="Orders after each pulse, where the file has none", placeholder="-1, 1, -1")
        self.field = Slider(label="Field (T)", start=1.5, end=11.7, step=0.1, value=3.0)
        self.linewidth = Slider(label="Linewidth (Hz)", start=1, end=20, step=0.5, value=5)
        self.snr = Slider(label="SNR of NAA in PRESS TE 30", start=10, end=300, step=5, value=100)
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
        self.part = w.Select(label="Spectrum", options=[FITTED], value=FITTED)
        self.pieces = w.MultiChoice(label="Draw one by one", options=["Glu", "Gln"], value=["Glu", "Gln"])
        self.all_pieces = w.Button(label="draw each metabolite")
        self.keep = w.Button(label="Keep this sequence beside", color="primary")
        self.clear = w.Button(label="Clear what is kept")
        self.message = pn.pane.Markdown("", styles={"color": WARNING})
        self.took = pn.pane.HTML("", css_classes=["took"])
        self.save = w.FileDownload(callback=self._yaml, filename="explored.yaml", label="Save as config")
        self.notebook = w.FileDownload(callback=self._notebook, filename="explored.ipynb", label="Open in notebook")

    # widgets and the configuration

    def _load(self, start: Study) -> None:
        """Set the widgets from a configuration; its further analyses are kept beside, as many as fit."""
        self.base, left_out = start, []
        for name in start.compare.analyses:
            analysis = start.analyses[name]
            if name == ANCHOR and NOW in start.compare.analyses:
                continue
            entry, missing = self._find_designs(start.sequences[analysis.sequence], start.run)
            if missing:
                left_out.append(f"{name} plays the design {missing}, which is not made yet")
            elif name == NOW:
                self._set(entry, analysis.spectra)
            elif len(self.kept) < MOST - 1:
                self.kept[name if name != ANCHOR else "press30x2"] = (entry, analysis.spectra)
            else:
                left_out.append(f"{name} (six are the most)")
        basis, compare = start.basis, start.compare
        self.metabolites.options = sorted({*self.metabolites.options, *basis.metabolites})
        self.metabolites.value = list(basis.metabolites)
        _stretch(self.field, basis.field)
        _stretch(self.linewidth, compare.linewidth_hz)
        _stretch(self.snr, compare.noise.snr)
        self.macromolecules.value = compare.macromolecules[0] if basis.macromolecules else "none"
        _choose(self.baseline, str(next(form for form in compare.baselines.values() if form is not None)))
        self.system.value = start.system.preset or self.system.value
        self.concentrations = dict(compare.concentrations)
        self._offer()
        first, second = compare.pair
        if {first, second} <= set(self.metabolites.value):
            self.first.value, self.second.value = first, second
            self.pieces.value = [first, second]
        self.loaded_field = self.field.value
        self.left_out = left_out

    loaded_field: float | None = None
    left_out: list[str] = []  # noqa: RUF012 (replaced, never changed)

    @staticmethod
    def _find_designs(entry: SequenceEntry, run: str) -> tuple[SequenceEntry, str]:
        """The entry with its slots naming the pulse files of their designs; and the name of one that is not made."""
        for slot, filled in entry.slots.items():
            if not filled.endswith(".json"):
                made = Path("results", *([run] if run else []), "design", filled, "pulse.json")
                if not made.is_file():
                    return entry, filled
                entry = entry.but(**{slot: str(made.resolve())})
        return entry, ""

    def _set(self, entry: SequenceEntry, spectra: tuple[str, ...]) -> None:
        """Move the sliders to an entry of `sequences`."""
        self.kind.value = entry.type
        self.shortest.value = entry.echo_time is None
        if entry.echo_time:
            _stretch(self.echo_time, 1e3 * entry.echo_time)
        self.shortest_te1.value = entry.type in TWO_ECHOES and entry.te1 is None
        if entry.te1:
            _stretch(self.te1, 1e3 * entry.te1)
        _stretch(self.mixing_time, 1e3 * entry.mixing_time)
        shape = "ideal" if entry.ideal else entry.refocusing.shape
        self.refocusing.value = shape if shape in SHAPES else "auto"
        self.orders.value = ", ".join("none" if order is None else str(order) for order in entry.orders)
        self.sequences, self.more = dict(entry.files), entry
        self._offer_spectra()
        if spectra:
            _choose(self.spectra, tuple(spectra), " and ".join(spectra))

    def _offer(self) -> None:
        """The pair is chosen of the metabolites."""
        names = list(self.metabolites.value)
        for widget, default in ((self.first, 0), (self.second, 1), (self.whose, 0)):
            value = widget.value
            widget.options = names
            if value not in names and names:
                widget.value = names[min(default, len(names) - 1)]
        drawn = [name for name in self.pieces.value if name in names]
        self.pieces.options, self.pieces.value = names, drawn

    def _offer_spectra(self) -> None:
        """Which sub-spectra can be fitted, of the sequence on the screen."""
        try:
            names = spectra_of(self.entry(), {})
        except SpinsculptError:
            names = ()
        shots = tuple(name for name in names if name not in COMBINED)
        options = {"the only one": ()} if not names else {" and ".join(shots): shots}
        options |= {f"{name} alone": (name,) for name in names}
        if self.kind.value == "special":
            options = {"diff alone": ("diff",), **options}
        if list(self.spectra.options) != list(options):
            before = self.spectra.value
            self.spectra.options = options
            self.spectra.value = before if before in options.values() else next(iter(options.values()))

    def entry(self) -> SequenceEntry:
        """The entry of `sequences` that the sliders describe."""
        kind = self.kind.value
        if kind == "file":
            if not self.sequences:
                raise SpinsculptError("Upload a Pulseq file (.seq) or a sequence file (.json) first.")
            return SequenceEntry(
                type="file", files=dict(self.sequences), orders=tuple(orders_of_text(self.orders.value))
            )
        found = (self.more or SequenceEntry(type=kind)).but(
            type=kind,
            echo_time=self._seconds(self.echo_time, self.shortest) if kind != "pulse_acquire" else 0.0,
            te1=self._seconds(self.te1, self.shortest_te1) if kind in TWO_ECHOES else None,
            mixing_time=self._seconds(self.mixing_time) if kind == "steam" else SequenceEntry.mixing_time,
            ideal=self.refocusing.value == "ideal",
            orders=(),
            files={},
        )
        if self.refocusing.value not in ("ideal", "auto") and kind not in UNREFOCUSED:
            kept = found.refocusing if found.refocusing.shape == self.refocusing.value else Refocusing()
            found = found.but(refocusing=kept.but(shape=self.refocusing.value))
        return self._played(found) if self.own.value and self.pulses else found

    @staticmethod
    def _seconds(slider, shortest=None) -> float | None:
        """What a slider says in ms; None where the shortest is asked for."""
        return None if shortest is not None and shortest.value else round(slider.value / 1e3, 6)

    def _played(self, entry: SequenceEntry) -> SequenceEntry:
        """The entry with the own pulse."""
        path, use = Path(self.pulses[self.which.value]), self.use.value
        complete = path.suffix.lower() == ".json"
        if use in SLOTS:
            return entry.but(**{use: str(path if complete else self._as_design(path, use))})
        duration = None if complete else self.pulse_ms.value / 1e3
        return entry.but(**{use: getattr(entry, use).but(shape=str(path), duration=duration)})

    def _as_design(self, path: Path, slot: str) -> Path:
        """The waveform of another program with its duration and flip angle, as a file that a slot can name."""
        duration, flip = self.pulse_ms.value, self.flip.value
        made = path.with_name(f"{path.stem}_{slot}_{duration:g}ms_{flip:g}deg".replace(".", "p") + ".json")
        if not made.exists():
            pulse = read_pulse(path, duration / 1e3, flip)
            write_designed(made, DesignedPulses(slot, {slot: pulse}, {}))
        return made

    def configure(self) -> Study:
        """The configuration of what is on the screen."""
        names = list(self.metabolites.value)
        if len(names) < 2 or self.first.value == self.second.value:
            raise SpinsculptError("Choose two different metabolites for the pair.")
        sequences = {name: entry for name, (entry, _) in self.kept.items()} | {NOW: self.entry()}
        spectra = {name: spectra for name, (_, spectra) in self.kept.items()} | {NOW: tuple(self.spectra.value)}
        base, grouped = self.base, self.macromolecules.value
        basis, compare = (base.basis, base.compare) if base else (Basis(), Compare())
        if self.field.value != self.loaded_field:
            basis = basis.but(central_frequency=None, bandwidth=2000 if self.field.value <= 4 else 6000)
        basis = basis.but(
            field=round(self.field.value, 3),
            metabolites=names,
            macromolecules=() if grouped == "none" else basis.macromolecules or Basis.macromolecules,
        )
        tallest = compare.noise.metabolite
        tallest = tallest if tallest in names else "NAA" if "NAA" in names else names[0]
        compare = compare.but(
            noise=NoiseLevel(metabolite=tallest, snr=self.snr.value),
            pair=(self.first.value, self.second.value),
            linewidth_hz=self.linewidth.value,
            baselines={"chosen": self.baseline.value},
            macromolecules=("free" if grouped == "none" else grouped,),
            concentrations={name: value for name, value in self.concentrations.items() if name in names},
            expected={},
        )
        fit, system = (base.fit, base.system) if base else (Fit(), SystemEntry())
        return configuration(sequences, spectra, basis, compare, fit, system.but(preset=self.system.value))

    def _yaml(self) -> io.BytesIO:
        return saved(self.config, "explored.yaml", yaml_text)[1]

    def _notebook(self) -> io.BytesIO:
        return saved(self.config, "explored.ipynb", notebook_text)[1]

    # events

    def _together(self, change: Callable[[], None]) -> None:
        """Move several widgets and show the result once."""
        self.quiet = True
        try:
            change()
        finally:
            self.quiet = False
        self.update()

    def _changed(self, event) -> None:
        if self.quiet:
            return
        self._together(partial(self._follow, event.obj, event.new))

    def _follow(self, widget, value) -> None:
        """What else moves when a widget was moved."""
        if widget is self.metabolites:
            self._offer()
        if widget in (self.first, self.second):
            self.pieces.value = list(dict.fromkeys([self.first.value, self.second.value]))
        if widget is self.kind:
            self.more = None
            if value in ("megapress", "megaslaser") and self.echo_time.value < 60:
                self.echo_time.value = 68  # the usual one; two editing pulses do not fit into less
        self._offer_spectra()

    def _whose(self, _) -> None:
        self.concentration.value = self.concentrations.get(self.whose.value, self.typical.get(self.whose.value, 1.0))

    def _concentration(self, event) -> None:
        name = self.whose.value
        if event.new and event.new != self.concentrations.get(name, self.typical.get(name)):
            self.concentrations[name] = float(event.new)
            self.update()

    def _uploaded(self, event) -> None:
        if event.new:
            self._together(lambda: self._add(event.new, self.upload.filename or "own.json"))

    def _uploaded_sequence(self, event) -> None:
        """Files of one sequence: one a shot, told apart by "on" and "off" in their names, else called a, b, ..."""
        if not event.new:
            return
        names = self.upload_sequence.filename
        contents, names = (event.new, names) if isinstance(event.new, list) else ([event.new], [names])
        paths = [str(self._store(content, name)) for content, name in zip(contents, names, strict=True)]
        shots = ["off" if "off" in name.lower() else "on" for name in names]
        if set(shots) != {"on", "off"} or len(shots) != 2:
            shots = [chr(ord("a") + k) for k in range(len(names))]
        self.sequences = dict(zip(shots, paths, strict=True))

        def change() -> None:
            self.kind.value, self.more = "file", None
            self._offer_spectra()

        self._together(change)

    def _store(self, content: bytes, name: str) -> Path:
        """Keep an uploaded file under its name, as far as a name may be; none replaces another."""
        stem, suffix = Path(name).stem, Path(name).suffix
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", stem)[:60].strip("_") or "own"
        suffix = suffix if re.fullmatch(r"\.[A-Za-z]{1,5}", suffix) else ""
        path, count = Path(self.folder.name) / f"{stem}{suffix}", 1
        while path.exists():
            count += 1
            path = path.with_name(f"{stem}_{count}{suffix}")
        path.write_bytes(content)
        return path

    def _add(self, content: bytes, name: str) -> None:
        path = self._store(content, name)
        self.pulses[path.name] = str(path)
        self.which.options = list(self.pulses)
        self.which.value = path.name
        self.own.disabled = False
        self.own.value = True

    def _play(self, pulse: Path, slot: str) -> None:
        """Play a designed pulse in its slot, in the sequence and at the echo time that it was made for."""

        def change() -> None:
            self._add(pulse.read_bytes(), f"{pulse.parent.name}.json")
            made = read_designed(pulse)
            self.design.verdicts[self.pulses[self.which.value]] = verdict_of(pulse)
            self.kind.value = {"excitation": "pulse_acquire", "edit": "megapress"}.get(slot, "press")
            self.more, self.use.value = None, slot
            if slot != "excitation" and {"te1", "te2"} <= set(made.times):
                self.shortest.value = self.shortest_te1.value = False
                _stretch(self.echo_time, 1e3 * (made.times["te1"] + made.times["te2"]))
                _stretch(self.te1, 1e3 * made.times["te1"])
                if made.times.get("gap_shift"):
                    self.more = SequenceEntry(type="press", gap_shift=made.times["gap_shift"])
            self._offer_spectra()

        self._together(change)

    def _under(self, b1_scale: float, b0_hz: float) -> tuple[np.ndarray, np.ndarray]:
        """Spectra of the pair in the sequence on the screen, under another B1 and B0; of its first fitted spectrum."""
        ppm, spectra = under(self.config, NOW, b1_scale, b0_hz)
        return ppm, spectra[next(iter(self.spectra.value), next(iter(spectra)))]

    def _keep(self, _) -> None:
        if not self.fine:
            return  # the message says what to change first
        if len(self.kept) >= MOST - 1:
            self.message.object = f"{MOST} sequences are side by side already; clear some."
            return
        plain = self.kind.value in ("pulse_acquire", "file") or self.shortest.value
        stem = f"{self.kind.value.replace('_', '')}{'' if plain else f'{self.echo_time.value:.0f}'}"
        name, count = stem, 1
        while name in self.kept or name == ANCHOR:
            count += 1
            name = f"{stem}x{count}"
        self.kept[name] = (self.entry(), tuple(self.spectra.value))
        self.update()

    def _clear(self, _) -> None:
        self.kept.clear()
        self.update()

    def close(self) -> None:
        """The visitor has gone: no design goes on for nobody, no upload stays."""
        self.design.close()
        self.folder.cleanup()

    # pictures

    def _pictures(self) -> None:
        wide = {"sizing_mode": "stretch_width", "tools": "xpan,xbox_zoom,xwheel_zoom,reset,save"}
        self.spectrum = figure(height=340, x_axis_label="chemical shift (ppm)", y_axis_label="signal (a.u.)", **wide)
        self.spectrum.x_range = Range1d(4.3, 0.3)
        self.lines = [ColumnDataSource({"x": [], "y": []}) for _ in range(MOST)]
        self.curves = []
        for source, colour in zip(self.lines, CYCLE, strict=True):
            self.curves.append(self.spectrum.line("x", "y", source=source, color=colour, line_width=1.8))
        self.single = ColumnDataSource({"xs": [], "ys": [], "name": [], "colour": []})
        look = {"line_color": "colour", "line_width": 1.4, "line_dash": "dashed"}
        each = self.spectrum.multi_line("xs", "ys", source=self.single, **look)
        words = [("", "@name"), ("ppm", "$x{0.000}"), ("value", "$y{0.00}")]
        named = [("", "$name"), *words[1:]]
        self.spectrum.add_tools(HoverTool(tooltips=named, renderers=self.curves))
        self.spectrum.add_tools(HoverTool(tooltips=words, renderers=[each]))
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
            self.waveform.line("x", "y", source=wave, color=CYCLE[k], line_width=1.5)
            self.profile.line("x", "y", source=band, color=CYCLE[k], line_width=1.5)
        self.played = pn.pane.HTML("")
        self.bounds = pn.pane.DataFrame(pd.DataFrame(), index=False, float_format="{:.3g}".format)
        self.ranks = pn.pane.DataFrame(pd.DataFrame(), index=False, float_format="{:.3g}".format)

    def update(self) -> None:
        """Compute and draw; what the library refuses is said on the page."""
        if self.quiet:
            return
        began = time.perf_counter()
        try:
            self.config = self.configure()
            shown = show(self.config)
        except SpinsculptError as error:
            self._empty(str(error))
            return
        except (ValueError, KeyError, OSError) as error:
            self._empty(f"This combination cannot be shown ({brief(error)}); change what you set last.")
            return
        self.fine = True
        draw(self.spectrum, partial(self._show, shown, began))

    def _show(self, shown: Mapping[str, Shown], began: float) -> None:
        """Tables, words and pictures of what was computed since `began`."""
        played = any(map(entry_files, self.config.sequences.values()))
        self.save.filename = "explored.zip" if played else "explored.yaml"
        self.notebook.filename = "explored_notebook.zip" if played else "explored.ipynb"
        self.save.disabled = self.notebook.disabled = False
        self.message.object = plain(f"Left out: {'; '.join(self.left_out)}.") if self.left_out else ""
        self._parts(shown[NOW])
        self._write(shown, self.config.compare.pair)
        self._draw(shown)
        self._moved(f"computed in {1e3 * (time.perf_counter() - began):.0f} ms")

    def _moved(self, words: str) -> None:
        """Say how long the last move took; the page counts the moves."""
        self.moves += 1
        self.took.object = f'<small data-move="{self.moves}">{words}</small>'

    def _parts(self, now: Shown) -> None:
        """Which sub-spectrum can be looked at."""
        options = [FITTED, *now.spectra] if len(now.spectra) > 1 else [FITTED]
        if self.part.options != options:
            self.quiet = True
            value = self.part.value if self.part.value in options else FITTED
            self.part.options, self.part.value = options, value
            self.quiet = False

    def _empty(self, sentence: str) -> None:
        """Say what is wrong; nothing on the screen may look as if it belonged to these settings."""
        self.fine = False
        draw(self.spectrum, partial(self._refuse, sentence))

    def _refuse(self, sentence: str) -> None:
        self.message.object = plain(sentence)
        self.save.disabled = self.notebook.disabled = True
        self.bounds.object = self.ranks.object = pd.DataFrame()
        self.key.object = ""
        self._clear_pictures()
        self._moved("")

    def _clear_pictures(self) -> None:
        for source in self.lines:
            source.data = {"x": [], "y": []}
        self.single.data = {"xs": [], "ys": [], "name": [], "colour": []}
        for source in (*self.waves, *self.bands):
            source.data = {"x": [], "y": []}
        self.events.data = {"left": [], "right": [], "top": [], "event": [], "colour": []}

    def _write(self, shown: Mapping[str, Shown], pair: list[str]) -> None:
        """Key, tables and words."""
        keys = [f'<span style="color:{CYCLE[k]}">■ {_escaped(name)}</span>' for k, name in enumerate(shown)]
        keys += [
            f'<span style="color:{_grey(k)}">┄ {_escaped(metabolite)}, {NOW}</span>'
            for k, metabolite in enumerate(self.pieces.value)
        ]
        self.key.object = " &nbsp; ".join(keys)
        table = pd.DataFrame({name: pd.Series(one.bounds) for name, one in shown.items()})
        self.bounds.object = table.rename_axis("CRLB (%)").reset_index()
        ranks, entries = ranking(shown, pair), self.config.sequences
        played = {name: list(entries[name].slots.values()) for name in shown}
        if any(played.values()):  # whoever ranks a designed pulse says whether it was found worth using
            words = {n: "; ".join(self.design.verdicts.get(p) or verdict_of(p) for p in played[n]) for n in shown}
            ranks["its designed pulse"] = ranks["sequence"].map(words)
        self.ranks.object = ranks
        self.played.object = (
            " &nbsp; ".join(
                f'<span style="color:{colour}">━</span> {_escaped(pulse["name"])}, {pulse["duration"]:.3g} ms, '
                f"{pulse['peak']:.3g} µT: {'refocuses' if _refocuses(pulse) else 'excites'}"
                for colour, pulse in zip(CYCLE, profiles(shown[NOW].sequence)[: len(self.waves)], strict=False)
            )
            or "All pulses are ideal (infinitely short): they have no shape and no profile."
        )

    def _draw(self, shown: Mapping[str, Shown]) -> None:
        now = shown[NOW]
        for k, source in enumerate(self.lines):
            if k >= len(shown):
                _put(source, {"x": [], "y": []})
                continue
            name, one = list(shown.items())[k]
            x, y = _window(one, self._looked_at(one).sum(axis=0))
            _put(source, {"x": x, "y": y})
            self.curves[k].name = name
        curves, names = self._looked_at(now), [name for name in self.pieces.value if name in now.names]
        drawn = [_window(now, curves[now.names.index(name)]) for name in names]
        self.single.data = {
            "xs": [x for x, _ in drawn],
            "ys": [y for _, y in drawn],
            "name": [f"{name} ({NOW})" for name in names],
            "colour": [_grey(k) for k in range(len(names))],
        }
        shots = diagram(now.sequence)
        shot = shots.get(self.part.value, next(iter(shots.values())))
        tiny = max(0.15, 0.004 * float((shot["start"] + shot["duration"]).max() or 1))
        drawn = shot[shot["event"] != "delay"]
        spoiler = drawn["event"] == "spoiler"
        self.events.data = {
            "left": drawn["start"],
            "right": drawn["start"] + drawn["duration"].clip(lower=tiny),
            "top": np.where(spoiler, 0.35, 1.0),
            "event": drawn["event"] + drawn["peak"].map(lambda peak: "" if np.isnan(peak) else f", {peak:.1f} µT"),
            "colour": np.where(spoiler, GREY, BLUE),
        }
        pulses = profiles(now.sequence)[: len(self.waves)]
        for k, (wave, band) in enumerate(zip(self.waves, self.bands, strict=True)):
            pulse = pulses[k] if k < len(pulses) else None
            empty = {"x": [], "y": []}
            _put(wave, {"x": pulse["time"], "y": np.abs(pulse["b1"])} if pulse else empty)
            profile = "refocuses" if pulse and _refocuses(pulse) else "excites"
            _put(band, {"x": pulse["offset"], "y": pulse[profile]} if pulse else empty)

    def _looked_at(self, one: Shown) -> np.ndarray:
        """The spectra of a sequence that are drawn, shape (names, points): the chosen sub-spectrum, or those fitted."""
        if self.part.value in one.spectra:
            return one.spectra[self.part.value]
        return sum(one.spectra[label] for label in one.fitted)

    def view(self) -> pn.viewable.Viewable:
        """The whole page."""
        sequence = (self.kind, self.echo_time, self.shortest, self.te1, self.shortest_te1, self.mixing_time)
        sequence += (self.refocusing, self.spectra, self.system)
        pulse = (pn.pane.HTML("pulse.json of a design, or .pta, .RF, .txt (FID-A), .exc, .rfc, .inv (Bruker)"),)
        pulse += (self.upload, self.which, self.use, self.pulse_ms, self.flip, self.own)
        files = (pn.pane.HTML("Pulseq .seq or sequence .json; several files are several shots"),)
        files += (self.upload_sequence, self.orders)
        world = (self.field, self.linewidth, self.snr, self.baseline, self.macromolecules)
        amounts = (self.metabolites, self.all_metabolites, self.first, self.second, self.whose, self.concentration)
        cards = [
            pn.Card(*group, title=title, collapsed=title.startswith("Own"), sizing_mode="stretch_width")
            for title, group in (
                ("Sequence", sequence),
                ("Own pulse", pulse),
                ("Own sequence file", files),
                ("Field, noise, model", world),
                ("Metabolites", amounts),
                ("What is drawn", (self.part, self.pieces, self.all_pieces)),
            )
        ]
        side = pn.Column(*cards, self.keep, self.clear, self.save, self.notebook, width=320)
        main = pn.Column(
            self.message,
            pn.Row(self.key, self.took, sizing_mode="stretch_width", styles={"flex-wrap": "wrap"}),
            self.spectrum,
            pn.Tabs(
                ("Ranking", pn.Column(self.ranks, sizing_mode="stretch_width", styles={"overflow-x": "auto"})),
                ("Bounds", pn.Column(self.bounds, sizing_mode="stretch_width", styles={"overflow-x": "auto"})),
                ("Sequence", pn.pane.Bokeh(self.timing, sizing_mode="stretch_width")),
                (
                    "Pulses and profiles",
                    pn.Column(self.played, self.waveform, self.profile, sizing_mode="stretch_width"),
                ),
                ("Design a pulse", self.design.view()),
                ("Fit a scan again", self.refit.view()),
                sizing_mode="stretch_width",
            ),
            sizing_mode="stretch_width",
            styles={"flex": "1 1 340px", "min-width": "0", "max-width": "100%"},
        )
        head = pn.pane.HTML('<h1 style="font-size: 1.1rem; margin: 0">spinsculpt workbench</h1>', width_policy="max")
        return pn.FlexBox(head, side, main, sizing_mode="stretch_width", flex_wrap="wrap", gap="0.5rem")


def _put(source: ColumnDataSource, data: Mapping) -> None:
    """Give a picture new data; what it shows already is not sent again."""
    same = source.data.keys() == data.keys() and all(np.array_equal(source.data[key], data[key]) for key in data)
    if not same:
        source.data = dict(data)


def _stretch(slider, value: float) -> None:
    """Set a slider, widened if the value is beyond its ends."""
    value = round(float(value), 6)
    slider.start, slider.end = min(slider.start, value), max(slider.end, value)
    slider.value = value


def _choose(select, value, words: str = "") -> None:
    """Set a selection, with a further option if it has none of this value."""
    if isinstance(select.options, dict):
        if value not in select.options.values():
            select.options = {**select.options, words or str(value): value}
    elif value not in select.options:
        select.options = [*select.options, value]
    select.value = value


def _refocuses(pulse: Mapping) -> bool:
    """Whether a pulse is shown by what it refocuses, not by what it excites."""
    return pulse["refocuses"].max() > 0.9


def _grey(k: int) -> str:
    """Colour of the k-th single metabolite: two greys for the pair, then the palette."""
    return (*INKS, *CYCLE)[k % (len(INKS) + len(CYCLE))]


def _window(one: Shown, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inside = (one.ppm > 0.0) & (one.ppm < 4.6)
    return one.ppm[inside], values[inside]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
