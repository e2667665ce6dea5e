"""What peaks and energies are related to: PRESS of the same echo time, and pulse-acquire."""

from collections.abc import Iterable

from spinsculpt.basis import BasisSet, simulate_basis
from spinsculpt.compare._analysis import Analysis
from spinsculpt.config import IDEAL_TE1, Basis
from spinsculpt.physics.sequences import press, pulse_acquire


def reference_bases(
    analyses: Iterable[Analysis], pair: Iterable[str], section: Basis
) -> dict[str, dict[str, BasisSet]]:
    """Basis sets of the pair for PRESS with ideal pulses at the echo time of each analysis, and for pulse-acquire.

    Args:
        analyses: what is compared; one without an echo time (excitation and acquisition) has no PRESS.
        pair: names of metabolites.
        section: on which axis.
    Returns:
        {"press": {analysis: basis}, "pulse-acquire": {analysis: basis}}.
    """
    small = section.but(metabolites=pair, macromolecules=())
    frequency = section.frequency
    (acquired,) = simulate_basis(pulse_acquire(), small).values()
    times = {analysis.sequence.echo_time for analysis in analyses} - {0.0}
    echoes = {}
    for echo_time in times:
        first_echo = min(IDEAL_TE1["press"], echo_time / 2)
        (echoes[echo_time],) = simulate_basis(press(echo_time, first_echo, central_frequency=frequency), small).values()
    return {
        "press": {a.name: echoes[a.sequence.echo_time] for a in analyses if a.sequence.echo_time in echoes},
        "pulse-acquire": {a.name: acquired for a in analyses},
    }
