"""The configuration as typed, frozen objects: every key once, with its type, range, default and meaning.

`parse` reads what YAML, the command line or a notebook gives; everything else of the package takes the objects. The
JSON Schema, config/README.md and the defaults of the command line are made from the same classes.
"""

from spinsculpt.study._baseline import Baseline
from spinsculpt.study._basis import Basis, Grid
from spinsculpt.study._checklist import Checklist
from spinsculpt.study._compare import Compare, Expected, MonteCarlo, NoiseLevel
from spinsculpt.study._config import default_config, lay_over, nearest_name, validate, workflow_folder
from spinsculpt.study._convert import Convert
from spinsculpt.study._designs import AssumedModels, DesignEntry, ObjectiveEntry, ReferencePress, Robustness, TimeRanges
from spinsculpt.study._figures import Figures
from spinsculpt.study._fit import (
    AVERAGE_GROUPS,
    AVERAGE_RANGES,
    BROAD,
    LCMODEL_RATIOS,
    LEFT_OPEN,
    LINES,
    LIPIDS,
    SHAPES,
    Fit,
    FitModel,
    RelaxationSD,
    SoftRatio,
    Tissue,
    WaterReference,
    can_fit,
    matches,
)
from spinsculpt.study._match import guess_kind, match_sequence, needed_sequence
from spinsculpt.study._mrf import Mrf, MrfDesign, MrfStage, MrfSubject, Phantom
from spinsculpt.study._preprocess import Align, Preprocess, Steps
from spinsculpt.study._quality import Limit, Limits, Quality
from spinsculpt.study._scanner import OtherTruth, Scanner
from spinsculpt.study._scans import ScanRow
from spinsculpt.study._schema import entries_of, parse, read_study, reference_page, schema_of
from spinsculpt.study._section import Section, choices_of, default_of, meaning_of, plain
from spinsculpt.study._sequences import (
    IDEAL_TE1,
    PER_SHOT,
    SLOTS,
    Editing,
    Refocusing,
    SelectiveExcitation,
    SequenceEntry,
)
from spinsculpt.study._spectra import COMBINED, DIFFERENCES, PAIR, SCHEMES, Scheme, combinations_of
from spinsculpt.study._study import AnalysisEntry, Ladder, Study, Sweep
from spinsculpt.study._system import SystemEntry

__all__ = [
    "AVERAGE_GROUPS",
    "AVERAGE_RANGES",
    "BROAD",
    "COMBINED",
    "DIFFERENCES",
    "IDEAL_TE1",
    "LCMODEL_RATIOS",
    "LEFT_OPEN",
    "LINES",
    "LIPIDS",
    "PAIR",
    "PER_SHOT",
    "SCHEMES",
    "SHAPES",
    "SLOTS",
    "Align",
    "AnalysisEntry",
    "AssumedModels",
    "Baseline",
    "Basis",
    "Checklist",
    "Compare",
    "Convert",
    "DesignEntry",
    "Editing",
    "Expected",
    "Figures",
    "Fit",
    "FitModel",
    "Grid",
    "Ladder",
    "Limit",
    "Limits",
    "MonteCarlo",
    "Mrf",
    "MrfDesign",
    "MrfStage",
    "MrfSubject",
    "NoiseLevel",
    "ObjectiveEntry",
    "OtherTruth",
    "Phantom",
    "Preprocess",
    "Quality",
    "ReferencePress",
    "Refocusing",
    "RelaxationSD",
    "Robustness",
    "ScanRow",
    "Scanner",
    "Scheme",
    "Section",
    "SelectiveExcitation",
    "SequenceEntry",
    "SoftRatio",
    "Steps",
    "Study",
    "Sweep",
    "SystemEntry",
    "TimeRanges",
    "Tissue",
    "WaterReference",
    "can_fit",
    "choices_of",
    "combinations_of",
    "default_config",
    "default_of",
    "entries_of",
    "guess_kind",
    "lay_over",
    "match_sequence",
    "matches",
    "meaning_of",
    "nearest_name",
    "needed_sequence",
    "parse",
    "plain",
    "read_study",
    "reference_page",
    "schema_of",
    "validate",
    "workflow_folder",
]
