r"""From signal per proton to mM and mmol/kg with the unsuppressed water of the same voxel.

Near et al. 2021 (doi:10.1002/nbm.4257), equations 4 and 6, after Gasparovic 2006 (doi:10.1002/mrm.20901). With f_k the
volume fractions and d_k the water densities of grey matter, white matter and cerebrospinal fluid,
R = exp(-TE/T2) (1 - exp(-TR/T1)), S the water signal per proton and c a metabolite's,

    molar  = (c / S) 55.51 mol/kg  sum_k f_k d_k R_k / ((1 - f_csf) R_m)
    molal  = (c / S) 55.51 mol/kg  sum_k x_k R_k / ((1 - x_csf) R_m),   x_k = f_k d_k / sum f d
"""

from dataclasses import dataclass

import numpy as np

from spinsculpt.errors import SpinsculptError

WATER_MOLALITY = 55510.0  # mmol/kg
DENSITY = {"gm": 0.78, "wm": 0.65, "csf": 0.97}  # kg/l of water; Kreis 1993 (doi:10.1006/jmrb.1993.1056)
# T1 and T2 in s at 3 T: the means of the literature that FSL-MRS documents (its manual, "Constants").
T1 = {"gm": 1.50, "wm": 0.97, "csf": 4.47, "metabolite": 1.29}
T2 = {"gm": 0.088, "wm": 0.073, "csf": 2.03, "metabolite": 0.194}


@dataclass(frozen=True)
class WaterScaling:
    """Factors from signal per proton to concentration.

    Attributes:
        molal: mmol/kg.
        molar: mM.
        details: all numbers that went into them (JSON-serialisable).
    """

    molal: float
    molar: float
    details: dict


def water_scaling(
    water_per_proton: float,
    echo_time: float,
    repetition_time: float,
    tissue: dict[str, float] | None = None,
    t1: dict[str, float] | None = None,
    t2: dict[str, float] | None = None,
    basis_per_proton: float = 1.0,
) -> WaterScaling:
    """Factors to mM and mmol/kg.

    Args:
        water_per_proton: amplitude of the water signal at t = 0 per proton, in the units of the data.
        echo_time, repetition_time: s, of both scans.
        tissue: volume fractions {"gm": , "wm": , "csf": } that sum to 1; None: pure water that relaxes like the mean of
            grey and white matter, as FSL-MRS assumes, so that molar and molal are the same.
        t1, t2: s, for "gm", "wm", "csf", "metabolite"; those given replace the values at 3 T.
        basis_per_proton: what one proton gives in the basis, see `_amplitudes.signal_per_proton`.
    """
    t1, t2 = {**T1, **(t1 or {})}, {**T2, **(t2 or {})}
    if echo_time <= 0.0 or repetition_time <= echo_time:
        raise SpinsculptError(
            f"Water scaling needs 0 < echo time < repetition time, not {echo_time} s and {repetition_time} s; "
            "set fit: water: echo_time and repetition_time (s)."
        )
    relaxation = {k: float(np.exp(-echo_time / t2[k]) * (1.0 - np.exp(-repetition_time / t1[k]))) for k in T1}
    per_kg = WATER_MOLALITY * basis_per_proton / water_per_proton / relaxation["metabolite"]
    if tissue is None:
        molal = molar = per_kg * 0.5 * (relaxation["gm"] + relaxation["wm"])
    else:
        _check_tissue(tissue)
        water = {k: tissue[k] * DENSITY[k] for k in DENSITY}
        whole = sum(water.values())
        seen = sum(water[k] * relaxation[k] for k in DENSITY)
        molal = per_kg * seen / (whole - water["csf"])
        molar = per_kg * seen / (1.0 - tissue["csf"])
    details = {
        "water_signal_per_proton": water_per_proton,
        "basis_signal_per_proton": basis_per_proton,
        "echo_time_s": echo_time,
        "repetition_time_s": repetition_time,
        "tissue": tissue or "unknown: pure water that relaxes like the mean of grey and white matter",
        "relaxation_factors": relaxation,
        "mmol_per_kg_per_unit": molal,
        "mM_per_unit": molar,
    }
    return WaterScaling(molal, molar, details)


def _check_tissue(tissue: dict[str, float]) -> None:
    if set(tissue) != set(DENSITY) or min(tissue.values()) < 0.0 or abs(sum(tissue.values()) - 1.0) > 0.02:
        raise SpinsculptError(f"fit: water: tissue needs gm, wm and csf >= 0 that sum to 1, not {tissue}.")
    if tissue["csf"] > 0.98:
        raise SpinsculptError(
            "fit: water: tissue is all cerebrospinal fluid; there is no tissue to have a concentration."
        )
