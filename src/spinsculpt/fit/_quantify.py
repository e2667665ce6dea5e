r"""From signal per proton to mM and mmol/kg with the unsuppressed water of the same voxel.

Near et al. 2021 (doi:10.1002/nbm.4257), equations 4 and 6, after Gasparovic 2006 (doi:10.1002/mrm.20901). With f_k the
volume fractions and d_k the water densities of grey matter, white matter and cerebrospinal fluid,
R = exp(-tau/T2 - zeta/T1) (1 - exp(-TR/T1)), tau and zeta the times in the plane and along z (TE and 0 where the basis
does not say: `BasisSet.decay`), S the water signal per proton and c a metabolite's, each metabolite m with its own R,

    molar  = (c / S) 55.51 mol/kg  sum_k f_k d_k R_k / ((1 - f_csf) R_m)
    molal  = (c / S) 55.51 mol/kg  sum_k x_k R_k / ((1 - x_csf) R_m),   x_k = f_k d_k / sum f d
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from spinsculpt.config import RelaxationSD, plain
from spinsculpt.core.errors import SpinsculptError

WATER_MOLALITY = 55510.0  # mmol/kg
DENSITY = {"gm": 0.78, "wm": 0.65, "csf": 0.97}  # kg/l of water; Kreis 1993 (doi:10.1006/jmrb.1993.1056)
# T1 and T2 in s at 3 T: the means of the literature that FSL-MRS documents (its manual, "Constants").
T1 = {"gm": 1.50, "wm": 0.97, "csf": 4.47, "metabolite": 1.29}
T2 = {"gm": 0.088, "wm": 0.073, "csf": 2.03, "metabolite": 0.194}


@dataclass(frozen=True)
class WaterScaling:
    """Factors from signal per proton to concentration.

    Attributes:
        molal: mmol/kg, of a metabolite that relaxes as their mean.
        molar: mM, of the same.
        relative: factor on both of each metabolite, for relaxation times of its own; 1 of those not named.
        relative_sd: SD of the concentration of each, relative, by what is not known of its T1 and T2.
        details: all numbers that went into them (JSON-serialisable).
    """

    molal: float
    molar: float
    details: dict
    relative: Mapping[str, float] = field(default_factory=dict)
    relative_sd: Mapping[str, float] = field(default_factory=dict)

    def weights(self, names: Sequence[str]) -> np.ndarray:
        """`relative` of each name, shape (n,)."""
        return np.array([self.relative.get(name, 1.0) for name in names])

    def uncertainty(self, names: Sequence[str]) -> np.ndarray:
        """`relative_sd` of each name, shape (n,)."""
        return np.array([self.relative_sd.get(name, 0.0) for name in names])


def water_scaling(
    water_per_proton: float,
    echo_time: float,
    repetition_time: float,
    tissue: dict[str, float] | None = None,
    t1: dict[str, float] | None = None,
    t2: dict[str, float] | None = None,
    basis_per_proton: float = 1.0,
    relaxation: Mapping[str, tuple[float, float]] | None = None,
    relaxation_sd: Mapping[str, float] | None = None,
    decay: Mapping[str, tuple[float, float]] | None = None,
    water_echo_time: float | None = None,
    water_repetition_time: float | None = None,
) -> WaterScaling:
    """Factors to mM and mmol/kg.

    Args:
        water_per_proton: amplitude of the water signal at t = 0 per proton, in the units of the data.
        echo_time, repetition_time: s, of the scan.
        tissue: volume fractions {"gm": , "wm": , "csf": } that sum to 1; None: pure water that relaxes like the mean of
            grey and white matter, as FSL-MRS assumes, so that molar and molal are the same.
        t1, t2: s, for "gm", "wm", "csf", for "metabolite" (all of them) and for single metabolites; those given replace
            the values at 3 T.
        basis_per_proton: what one proton of water gives in the basis, see `_amplitudes.water_per_proton`.
        relaxation: (T1, T2) in s of each metabolite and macromolecule; those without relax as their mean.
        relaxation_sd: SDs of "t1" and "t2" of the metabolites in per cent; None for those of the configuration.
        decay: s that the signal of each metabolite and of "water" spends in the plane and along z; those without have
            the echo time and 0.
        water_echo_time, water_repetition_time: s, of the water reference; None for those of the scan. Its water is
            longer or shorter in the plane by the difference of the echo times.
    """
    known = water_echo_time is not None, water_repetition_time is not None
    water_echo_time = echo_time if water_echo_time is None else water_echo_time
    water_repetition_time = repetition_time if water_repetition_time is None else water_repetition_time
    plane, along_z = (decay or {}).get("water", (echo_time, 0.0))
    of_water = max(0.0, plane + water_echo_time - echo_time), along_z
    times = {**dict.fromkeys(T1, of_water), **(decay or {})}
    times["metabolite"] = (echo_time, 0.0)
    own = own_relaxation(relaxation or {}, t1 or {}, t2 or {})
    t1, t2 = ({k: (given or {}).get(k, v) for k, v in known.items()} for known, given in ((T1, t1), (T2, t2)))
    spread = {**plain(RelaxationSD()), **(relaxation_sd or {})}
    for what, echo, repetition in (
        ("scan", echo_time, repetition_time),
        ("water reference", water_echo_time, water_repetition_time),
    ):
        if echo <= 0.0 or repetition <= echo:
            raise SpinsculptError(
                f"Water scaling needs 0 < echo time < repetition time, not {echo} s and {repetition} s of the {what}; "
                "set fit: water: echo_time and repetition_time (s)."
            )
    left = {k: _left(times[k], water_repetition_time, t1[k], t2[k]) for k in DENSITY}
    left["metabolite"] = _left(times["metabolite"], repetition_time, t1["metabolite"], t2["metabolite"])
    per_kg = WATER_MOLALITY * basis_per_proton / water_per_proton / left["metabolite"]
    if tissue is None:
        molal = molar = per_kg * 0.5 * (left["gm"] + left["wm"])
    else:
        _check_tissue(tissue)
        water = {k: tissue[k] * DENSITY[k] for k in DENSITY}
        whole = sum(water.values())
        seen = sum(water[k] * left[k] for k in DENSITY)
        molal = per_kg * seen / (whole - water["csf"])
        molar = per_kg * seen / (1.0 - tissue["csf"])
    relative = {
        name: left["metabolite"] / _left(times.get(name, (echo_time, 0.0)), repetition_time, *known)
        for name, known in own.items()
    }
    relative_sd = {
        name: float(np.hypot(spread["t2"] * echo_time / b, spread["t1"] * _by_t1(repetition_time / a))) / 100.0
        for name, (a, b) in own.items()
    }
    details = {
        "water_signal_per_proton": water_per_proton,
        "basis_signal_per_proton": basis_per_proton,
        "echo_time_s": echo_time,
        "repetition_time_s": repetition_time,
        "water_echo_time_s": water_echo_time,
        "water_repetition_time_s": water_repetition_time,
        "water_times_from": "its header or the configuration" if all(known) else "the scan, where its header is silent",
        "tissue": tissue or "unknown: pure water that relaxes like the mean of grey and white matter",
        "relaxation_factors": left,
        "metabolite_t1_t2_s": {name: list(times) for name, times in own.items()},
        "metabolite_relaxation_factors": {name: left["metabolite"] / each for name, each in relative.items()},
        "relaxation_sd_percent": spread,
        "mmol_per_kg_per_unit": molal,
        "mM_per_unit": molar,
    }
    return WaterScaling(molal, molar, details, relative, relative_sd)


def own_relaxation(
    known: Mapping[str, tuple[float, float]], t1: Mapping[str, float], t2: Mapping[str, float]
) -> dict[str, tuple[float, float]]:
    """(T1, T2) of each metabolite: its own of the config, else the config's of all, else what is known of it."""
    names = [*known, *(name for name in (*t1, *t2) if name not in known and name not in T1)]
    mean = (T1["metabolite"], T2["metabolite"])
    return {
        name: tuple(
            given.get(name, given.get("metabolite", times))
            for given, times in zip((t1, t2), known.get(name, mean), strict=True)
        )
        for name in names
    }


def _left(times: tuple[float, float], repetition_time: float, t1: float, t2: float) -> float:
    """Share of a signal that relaxation leaves; times in the plane and along z in s."""
    return float(np.exp(-times[0] / t2 - times[1] / t1) * (1.0 - np.exp(-repetition_time / t1)))


def _by_t1(ratio: float) -> float:
    """Relative change of 1 - exp(-TR/T1) by a relative change of T1, at TR/T1."""
    return float(ratio / np.expm1(ratio)) if ratio < 500.0 else 0.0


def _check_tissue(tissue: dict[str, float]) -> None:
    if set(tissue) != set(DENSITY) or min(tissue.values()) < 0.0 or abs(sum(tissue.values()) - 1.0) > 0.02:
        raise SpinsculptError(f"fit: water: tissue needs gm, wm and csf >= 0 that sum to 1, not {tissue}.")
    if tissue["csf"] > 0.98:
        raise SpinsculptError(
            "fit: water: tissue is all cerebrospinal fluid; there is no tissue to have a concentration."
        )
