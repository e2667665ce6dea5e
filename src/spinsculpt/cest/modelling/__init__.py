"""Molecular fingerprinting: quantitative CEST and MT maps through differentiable Bloch-McConnell physics.

The way from data to maps, all of it with voxels as rows (mask a volume first, `data[mask]`):

    protocol = read_protocol("scan.seq", 3.0)                            # or protocol_from_table, published_protocol
    task = Task(data, protocol, Model(True), {"fs": (0, 0.012), "ksw": (20, 400)}, known={"T1": t1, "B0": b0})
    found = estimate("nbmf", task, seed=0, progress=print)               # or "dictionary", "vbmf", "supervised"
    found.values["fs"], found.bound["fs"], found.r2, found.trusted       # each of shape (voxels,)
    found.spread["fs"]                                                   # SD that NBMF predicts; {} of other methods
    found.history                                                        # rows of a training, [] of other methods
    found.reconstructor.save("amide.pt")                                 # None of dictionary and vbmf
    Reconstructor.load("amide.pt").apply(next_subject)                   # transfer mode: an Estimate, too

Two stages are two tasks: `known |= first.values` hands fss and kssw of the MT data to the task of three pools.
`brain_volume` and `vial_volume` make a `Volume` (mask, labels, true maps) and `Volume.fingerprints` its noisy data;
`plane_table` says what a protocol can tell apart, `design_protocol` chooses B1 and offsets by it.
"""

from spinsculpt.cest.modelling._design import DesignedProtocol, design_protocol
from spinsculpt.cest.modelling._dictionary import Match, grid, match, random_grid
from spinsculpt.cest.modelling._estimate import Estimate, Task
from spinsculpt.cest.modelling._files import Grid, read_labels, read_map, read_mask, read_stack, write_map
from spinsculpt.cest.modelling._isar import simulate_isar2
from spinsculpt.cest.modelling._kernel import simulate
from spinsculpt.cest.modelling._methods import METHODS, estimate
from spinsculpt.cest.modelling._model import NAMES, PARAMETERS, Model, tissue
from spinsculpt.cest.modelling._network import Reconstructor
from spinsculpt.cest.modelling._phantom import write_phantom
from spinsculpt.cest.modelling._protocol import (
    PUBLISHED,
    Protocol,
    protocol_from_table,
    protocol_of,
    published_protocol,
    published_table,
    read_protocol,
)
from spinsculpt.cest.modelling._scan import (
    FingerprintScan,
    Fitted,
    Stage,
    Voxels,
    fit_scan,
    read_scan,
    stage_of,
    stages_of,
    summary_sentence,
    use_threads,
    write_fit,
)
from spinsculpt.cest.modelling._tables import (
    agreement,
    agreement_table,
    design_tables,
    map_table,
    plane_table,
    protocol_source,
    protocol_table,
    region_table,
    scatter_table,
    timing_table,
    training_table,
)
from spinsculpt.cest.modelling._volume import Volume, brain_volume, vial_volume

__all__ = [
    "METHODS",
    "NAMES",
    "PARAMETERS",
    "PUBLISHED",
    "DesignedProtocol",
    "Estimate",
    "FingerprintScan",
    "Fitted",
    "Grid",
    "Match",
    "Model",
    "Protocol",
    "Reconstructor",
    "Stage",
    "Task",
    "Volume",
    "Voxels",
    "agreement",
    "agreement_table",
    "brain_volume",
    "design_protocol",
    "design_tables",
    "estimate",
    "fit_scan",
    "grid",
    "map_table",
    "match",
    "plane_table",
    "protocol_from_table",
    "protocol_of",
    "protocol_source",
    "protocol_table",
    "published_protocol",
    "published_table",
    "random_grid",
    "read_labels",
    "read_map",
    "read_mask",
    "read_protocol",
    "read_scan",
    "read_stack",
    "region_table",
    "scatter_table",
    "simulate",
    "simulate_isar2",
    "stage_of",
    "stages_of",
    "summary_sentence",
    "timing_table",
    "tissue",
    "training_table",
    "use_threads",
    "vial_volume",
    "write_fit",
    "write_map",
    "write_phantom",
]
