"""The configuration as typed, frozen objects: every key once, with its type, range, default and meaning.

`parse` reads what YAML, the command line or a notebook gives; everything else of the package takes the objects. The
JSON Schema, config/README.md and the defaults of the command line are made from the same classes. A section is imported
at its first use, so that a job of one scan does not wait for the classes of all others.
"""

from importlib import import_module

# Where each name is defined.
_HOMES = {
    "_baseline": "Baseline",
    "_basis": "Basis Grid",
    "_checklist": "Checklist",
    "_compare": "Compare Expected MonteCarlo NoiseLevel",
    "_config": "default_config lay_over nearest_name validate workflow_folder",
    "_convert": "Convert",
    "_designs": "AssumedModels DesignEntry ObjectiveEntry ReferencePress Robustness TimeRanges",
    "_figures": "Figures",
    "_fit": "AVERAGE_GROUPS AVERAGE_RANGES BROAD CLASS_SHIFT_SD CLASS_WIDTH_SD LCMODEL_RATIOS LEFT_OPEN LINES "
    "LIPIDS MACROMOLECULES SHAPES Fit FitModel RelaxationSD SoftRatio Tissue WaterReference can_fit matches",
    "_match": "guess_kind match_sequence needed_sequence",
    "_mrf": "Mrf MrfDesign MrfStage MrfSubject Phantom",
    "_preprocess": "Align Preprocess Steps",
    "_quality": "Limit Limits Quality",
    "_scanner": "OtherTruth Scanner",
    "_scans": "ScanRow",
    "_schema": "entries_of parse read_study reference_page schema_of",
    "_section": "Section choices_of default_of meaning_of plain",
    "_sequences": "ECHO_TIMES IDEAL_TE1 PER_SHOT SLOTS Editing Refocusing SelectiveExcitation SequenceEntry "
    "orders_of_text shot_of_file",
    "_spectra": "COMBINED DIFFERENCES PAIR SCHEMES Scheme combinations_of",
    "_study": "AnalysisEntry Ladder Study Sweep",
    "_system": "SystemEntry",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'spinsculpt.config' has no attribute {name!r}.")
    found = globals()[name] = getattr(import_module(f"spinsculpt.config.{_HOME[name]}"), name)
    return found


def __dir__() -> list[str]:
    return list(__all__)
