"""The result of a fit, and writing it whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from spinsculpt.config import BROAD, FitModel, matches
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.folders import owned_files
from spinsculpt.core.provenance import provenance, write_json
from spinsculpt.core.tables import write_table
from spinsculpt.fit._curve import Curve
from spinsculpt.fit._estimates import Estimates, percent_of
from spinsculpt.fit._model import Problem
from spinsculpt.fit._quantify import WaterScaling
from spinsculpt.fit._solver import Solution

COLUMNS = ("Metab", "/{ref}", "/{ref} CRLB", "mMol/kg", "mMol/kg CRLB", "mM", "mM CRLB", "%CRLB", "SNR", "FWHM")


@dataclass(frozen=True)
class ParameterEstimate:
    """One nonlinear parameter: name, value, SD (CRLB), unit, bounds and whether it ended on one that matters."""

    name: str
    value: float
    sd: float
    unit: str
    lower: float
    upper: float
    at_bound: bool


@dataclass(frozen=True)
class ModelFit:
    """What one of several models found: what sets it apart, weight, chi-squared per point, concentrations (L,)."""

    choice: str
    weight: float
    chi2_per_point: float
    values: np.ndarray


@dataclass(frozen=True)
class FitResult:
    """What a fit found.

    Attributes:
        engine: "builtin" or "fsl_mrs".
        concentrations: with their covariance, in units of the data per proton.
        parameters: the nonlinear parameters.
        covariance: of concentrations and nonlinear parameters, the baseline marginalised; of an average over models of
            the concentrations alone, noise and models together.
        curves: one a spectrum.
        snr: peak height over SD of the noise of one real channel in the first spectrum, shape (L,).
        fwhm: width of the highest peak in Hz there, shape (L,); nan where the fit range cuts it.
        flags: what is wrong with each estimate, "" when nothing is, one a metabolite.
        misfit: variance of the residual under the signals of each metabolite, in variances of the noise, shape (L,).
        messages: what the user should know about the fit as a whole.
        qc: further numbers of quality (JSON-serialisable).
        model: what was fitted.
        water: factors to mM and mmol/kg; None without a water reference.
        problem, solution: what Monte Carlo repeats.
        table: the rows of another engine's own summary, which then stand for ours.
        spread: covariance of the concentrations between models, shape (L, L), and `models` these; None and empty of a
            fit under one model.
        bootstrap: covariance of the concentrations over resampled averages, shape (L, L); None without single averages.
        samples: concentrations of repeated fits or draws, shape (n, L), and `samples_from` what they are.
    """

    engine: str
    concentrations: Estimates
    parameters: tuple[ParameterEstimate, ...]
    covariance: np.ndarray
    curves: tuple[Curve, ...]
    snr: np.ndarray
    fwhm: np.ndarray
    flags: tuple[str, ...]
    messages: tuple[str, ...]
    qc: dict
    model: FitModel
    water: WaterScaling | None = None
    problem: Problem | None = field(default=None, repr=False)
    solution: Solution | None = field(default=None, repr=False)
    table: tuple[dict, ...] | None = field(default=None, repr=False)
    spread: np.ndarray | None = field(default=None, repr=False)
    models: tuple[ModelFit, ...] = field(default=(), repr=False)
    bootstrap: np.ndarray | None = field(default=None, repr=False)
    samples: np.ndarray | None = field(default=None, repr=False)
    samples_from: str = ""
    misfit: np.ndarray = field(default_factory=lambda: np.zeros(0), repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        return self.concentrations.names

    @property
    def reliable(self) -> tuple[bool, ...]:
        """Whether each estimate can be trusted: it has no flag."""
        return tuple(not flag for flag in self.flags)

    def with_water(self, water: WaterScaling) -> "FitResult":
        """The same result with concentrations in mM and mmol/kg; a metabolite beyond MOST is flagged."""
        molar = self.concentrations.values * water.weights(self.names) * water.molar
        flags = tuple(
            flag or (TOO_MUCH if value > MOST and not matches(name, BROAD[0]) else "")
            for name, flag, value in zip(self.names, self.flags, molar, strict=True)
        )
        reliable = [name for name, flag in zip(self.names, flags, strict=True) if not flag]
        return replace(self, water=water, flags=flags, qc=self.qc | {"reliable": reliable})

    def with_bootstrap(self, covariance: np.ndarray, repeats: int, parts: int) -> "FitResult":
        """The same result with the `bootstrap` of a scan in `parts`; what is too uncertain by it is flagged."""
        result = replace(self, bootstrap=covariance)
        flags = tuple(
            flag or poorly(result._percent((name,)), self.model.max_crlb, "SD")
            for name, flag in zip(self.names, self.flags, strict=True)
        )
        told = {"repeats": repeats, "parts": parts}
        reliable = [name for name, flag in zip(self.names, flags, strict=True) if not flag]
        return replace(result, flags=flags, qc=self.qc | {"bootstrap": told, "reliable": reliable})

    def with_samples(self, samples: np.ndarray, origin: str) -> "FitResult":
        """The same result with samples of the concentrations, shape (n, L), which `write` sums up in resampled.csv."""
        return replace(self, samples=samples, samples_from=origin)

    def __repr__(self) -> str:
        spectra, good = ", ".join(curve.label for curve in self.curves), sum(self.reliable)
        told = f". {' '.join(self.messages)}" if self.messages else ""
        return f"Fit of {spectra}: {good} of {len(self.names)} estimates are reliable{told}"

    def frame(self):
        """The rows of summary.csv as a table of pandas."""
        import pandas as pd

        return pd.DataFrame(self.summary())

    def plot(self):
        """Data, fit, baseline, residual and the largest metabolites; returns a figure of matplotlib."""
        from spinsculpt.fit._plot import draw_fit

        return draw_fit(self.curves, self.names)

    def _repr_html_(self) -> str:
        from html import escape

        rows = self.frame().to_html(index=False, float_format="{:.3g}".format, na_rep="")
        return f"<p>{escape(repr(self))}</p>{rows}"

    def reference(self) -> tuple[str, ...]:
        """The metabolites of `model.reference` that the basis holds."""
        return tuple(name for name in self.model.reference if name in self.names)

    def summary(self) -> list[dict]:
        """Rows of summary.csv: each metabolite, then each sum of `model.combine`, with the columns of FSL-MRS."""
        sums = [tuple(n for n in group if n in self.names) for group in self.model.combine]
        rows = [self._row(name, (name,), k) for k, name in enumerate(self.names)]
        rows += [self._row("+".join(group), group, None) for group in sums if len(group) > 1]
        if self.table is None:
            return rows
        own = {row["Metab"]: row for row in rows}
        kept = ("flag", "reliable")
        return [
            {**own[name], **row, **{key: own[name][key] for key in kept}}
            for name, row in ((row["Metab"], row) for row in self.table)
            if name in own
        ]

    def _row(self, label: str, group: Sequence[str], position: int | None) -> dict:
        value, sd = self.concentrations.total(group)
        percent = percent_of(value, sd)
        reference = self.reference()
        ratio = self.concentrations.ratio(group, reference) if reference else (float("nan"), float("nan"))
        numbers = (*ratio, *self._in_water(self.concentrations, group), percent)
        shape = (self.snr[position], self.fwhm[position]) if position is not None else (float("nan"), float("nan"))
        row = dict(zip(self.columns(), (label, *numbers, *shape), strict=True))
        if self.water and self.water.relative_sd:
            row |= self._by_relaxation(group)
        for kind, covariance in (("model", self.spread), ("bootstrap", self.bootstrap)):
            if covariance is not None:
                row |= self._beside(kind, covariance, group)
        if self.spread is not None or self.bootstrap is not None:
            percent = row["%SD"] = self._percent(group)
        flag = self.flags[position] if position is not None else self._flag_of_sum(group, value, percent)
        return {**row, "flag": flag, "reliable": "no" if flag else "yes"}

    def _in_water(self, estimates: Estimates, group: Sequence[str]) -> tuple[float, float, float, float]:
        """mmol/kg and its SD, mM and its SD of a sum, each metabolite by its relaxation; nan without a reference."""
        if self.water is None:
            return (float("nan"),) * 4
        value, sd = estimates.total(group, self.water.weights(group))
        return value * self.water.molal, sd * self.water.molal, value * self.water.molar, sd * self.water.molar

    def _by_relaxation(self, group: Sequence[str]) -> dict:
        """SDs of mmol/kg and mM of a sum by T1 and T2 of its metabolites, taken as wrong in the same direction."""
        pick = [self.concentrations.index(name) for name in group]
        each = self.concentrations.values[pick] * self.water.weights(group) * self.water.uncertainty(group)
        return {
            "mMol/kg relaxation SD": float(each.sum() * self.water.molal),
            "mM relaxation SD": float(each.sum() * self.water.molar),
        }

    def _beside(self, kind: str, covariance: np.ndarray, group: Sequence[str]) -> dict:
        """SDs of a sum by another covariance than that of the noise, in the units of the columns."""
        other = Estimates(self.names, self.concentrations.values, covariance)
        value, sd = other.total(group)
        reference = self.reference()
        _, of_ratio = other.ratio(group, reference) if reference else (float("nan"), float("nan"))
        _, molal, _, molar = self._in_water(other, group)
        named = {self.columns()[1]: of_ratio, "mMol/kg": molal, "mM": molar}
        return {f"{column} {kind} SD": number for column, number in named.items()} | {
            f"%{kind} SD": percent_of(value, sd)
        }

    def _percent(self, group: Sequence[str]) -> float:
        """SD of a sum in %, of the models and of the larger of noise and bootstrap."""
        noise, models, bootstrap = (
            0.0 if each is None else Estimates(self.names, self.concentrations.values, each).total(group)[1]
            for each in (self.concentrations.covariance, self.spread, self.bootstrap)
        )
        return percent_of(self.concentrations.total(group)[0], float(np.hypot(max(noise, bootstrap), models)))

    def _flag_of_sum(self, group: Sequence[str], value: float, percent: float) -> str:
        """Flag of a sum: what is wrong with the whole fit, with one of its parts, or with the sum itself."""
        if value <= 0.0:
            return AT_ZERO
        parts = [self.flags[self.concentrations.index(name)] for name in group]
        impossible = [flag for flag in parts if flag == TOO_MUCH or flag.startswith(ABOVE)]
        if impossible or (self.water is not None and self._in_water(self.concentrations, group)[2] > MOST):
            return impossible[0] if impossible else TOO_MUCH
        whole = [flag for flag in self.flags if flag in (NO_SIGNAL, NOT_CONVERGED)]
        alone = self.spread is None and self.bootstrap is None
        poor = poorly(percent, self.model.max_crlb, "CRLB" if alone else "SD")
        return whole[0] if whole else poor or (HIGH_RESIDUAL if HIGH_RESIDUAL in self.flags else "")

    def columns(self) -> tuple[str, ...]:
        """Names of the columns that FSL-MRS writes too."""
        reference = "+".join(self.reference() or self.model.reference)
        return tuple(column.format(ref=reference) for column in COLUMNS)

    def write(self, directory: Path | str, config: dict | None = None) -> None:
        """Write summary.csv, covariance.csv, parameters.csv, qc.json, fit.npz and fit.png: all of them, or nothing.

        Besides, models.csv of an average over models, and resampled.csv with samples.

        Args:
            directory: made if need be. An earlier result of ours in it is replaced; other files stay as they are.
            config: the configuration, for its hash in the provenance.
        """
        self._refuse_not_finite()
        with owned_files(directory, replaces="*") as temporary:
            self._write_files(temporary, config)

    def _refuse_not_finite(self) -> None:
        """Raise when an amplitude or a curve is not finite: such a fit is no result."""
        curves = [np.asarray(getattr(curve, key)) for curve in self.curves for key in ("data", "fit", "components")]
        if not all(np.isfinite(values).all() for values in (np.asarray(self.concentrations.values), *curves)):
            raise SpinsculptError(
                "the fit found numbers that are not finite, so that nothing was written; check the data and the basis."
            )

    def _write_files(self, folder: Path, config: dict | None) -> None:
        from spinsculpt.fit._plot import plot_fit  # matplotlib takes longer to import than a fit to run

        rows = self.summary()
        write_table(folder / "summary.csv", list(rows[0]), [list(row.values()) for row in rows], None)
        names = [*self.names, *(parameter.name for parameter in self.parameters)][: len(self.covariance)]
        matrix = [[name, *row] for name, row in zip(names, self.covariance, strict=True)]
        write_table(folder / "covariance.csv", ["parameter", *names], matrix, None)
        header = ["parameter", "value", "sd", "unit", "lower", "upper", "at_bound"]
        write_table(folder / "parameters.csv", header, self._table(), None)
        if self.models:
            rows = [[each.choice, each.weight, each.chi2_per_point, *each.values] for each in self.models]
            write_table(folder / "models.csv", ["model", "weight", "chi-squared per point", *self.names], rows, None)
        if self.samples is not None:
            write_table(folder / "resampled.csv", *self._resampled(), None)
        qc = {
            "engine": self.engine,
            "messages": list(self.messages),
            **self.qc,
            "water": self.water.details if self.water else None,
            "provenance": provenance(config),
        }
        write_json(folder / "qc.json", qc)
        np.savez_compressed(folder / "fit.npz", **self.arrays())
        plot_fit(self.curves, self.names, folder / "fit.png")

    def _resampled(self) -> tuple[list[str], list[list]]:
        low, high = np.percentile(self.samples, [2.5, 97.5], axis=0)
        sd = self.samples.std(axis=0, ddof=1)
        columns = (self.names, self.samples.mean(axis=0), sd, low, high, self.concentrations.sd)
        rows = [[*row, self.samples_from] for row in zip(*columns, strict=True)]
        return ["Metab", "mean", "SD", "2.5 %", "97.5 %", "CRLB", "from"], rows

    def _table(self) -> list[list]:
        unit = "signal per proton"
        rows = [
            [name, value, sd, unit, 0.0, float("inf"), "yes" if value <= 0.0 else "no"]
            for name, value, sd in zip(self.names, self.concentrations.values, self.concentrations.sd, strict=True)
        ]
        for p in self.parameters:
            rows.append([p.name, p.value, p.sd, p.unit, p.lower, p.upper, "yes" if p.at_bound else "no"])
        return rows

    def arrays(self) -> dict[str, np.ndarray]:
        """Contents of fit.npz.

        `names`, `spectra` (labels), and for each label `{label}_ppm`, `{label}_data`, `_fit`, `_baseline`,
        `_components` (L, n) and `_noise_sd`; of an average over models also `_baselines` (models, n).
        """
        found = {"names": np.array(self.names), "spectra": np.array([curve.label for curve in self.curves])}
        for curve in self.curves:
            for key in ("ppm", "data", "fit", "baseline", "components", "noise_sd"):
                found[f"{curve.label}_{key}"] = np.asarray(getattr(curve, key))
            if curve.baselines is not None:
                found[f"{curve.label}_baselines"] = curve.baselines
        return found


AT_ZERO = "at zero"
NO_SIGNAL = "no signal"
NOT_CONVERGED = "not converged"
AT_BOUND = "width or shift at its bound"
HIGH_RESIDUAL = "high residual"
TOO_MUCH = "more than tissue holds"
ABOVE = "above "  # and the limit, of an estimate that is more than brain holds in relation to the reference
MOST = 50.0  # mM: what all metabolites of healthy brain have together (those of the default basis in the library)
LOCAL_RESIDUAL = "high residual at its signals"
MODELS_DIFFER = "models differ by more than its SD"


def implausible(estimates: Estimates, model: FitModel) -> tuple[str, ...]:
    """Flag of each estimate whose ratio to the reference is above what brain holds (`model.max_ratio`)."""
    reference = [name for name in model.reference if name in estimates.names]
    found = dict.fromkeys(estimates.names, "")
    for name, limit in model.max_ratio.items():
        if reference and name in found and estimates.ratio([name], reference)[0] > limit:
            found[name] = f"{ABOVE}{limit:g} of {'+'.join(reference)}"
    return tuple(found.values())


def poorly(percent: float, limit: float, what: str = "CRLB") -> str:
    """Flag of an estimate by its CRLB, or its whole SD, in per cent.

    >>> poorly(60.0, 50.0), poorly(float("nan"), 50.0), poorly(12.0, 50.0)
    ('CRLB above 50 %', 'CRLB above 50 %', '')
    """
    return f"{what} above {limit:g} %" if not percent < limit else ""
