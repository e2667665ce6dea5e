"""Section `checklist` of the configuration."""

from dataclasses import dataclass
from typing import Annotated

from spinsculpt.config._section import Section, key


@dataclass(frozen=True, kw_only=True)
class Checklist(Section):
    """Answers to items of the reporting checklist that neither headers nor config state, or that replace theirs.

    The checklist is MRSinMRS (doi:10.1002/nbm.4484); the text goes into the report as it is.
    """

    field_strength: Annotated[str, key("1a. Field strength")] = ""
    manufacturer: Annotated[str, key("1b. Manufacturer")] = ""
    model: Annotated[str, key("1c. Model (software version)")] = ""
    coils: Annotated[str, key("1d. RF coils: nuclei, number of channels, type, body part")] = ""
    additional_hardware: Annotated[str, key("1e. Additional hardware")] = ""
    pulse_sequence: Annotated[str, key("2a. Pulse sequence")] = ""
    voxel_location: Annotated[str, key("2b. Volume of interest (VOI) locations")] = ""
    voxel_size: Annotated[str, key("2c. Nominal VOI size")] = ""
    timing: Annotated[str, key("2d. Repetition time (TR), echo time (TE)")] = ""
    averages: Annotated[str, key("2e. Total number of excitations per spectrum")] = ""
    parameters: Annotated[str, key("2f. Additional sequence parameters")] = ""
    water_suppression: Annotated[str, key("2g. Water suppression method")] = ""
    shimming: Annotated[str, key("2h. Shimming method, reference peak, acceptance threshold")] = ""
    motion_correction: Annotated[str, key("2i. Triggering or motion correction")] = ""
    software: Annotated[str, key("3a. Analysis software")] = ""
    processing: Annotated[str, key("3b. Processing steps")] = ""
    output: Annotated[str, key("3c. Output measure")] = ""
    assumptions: Annotated[str, key("3d. Quantification references, assumptions of the fit")] = ""
    snr_linewidth: Annotated[str, key("4a. SNR, linewidth (with reference peaks)")] = ""
    exclusion: Annotated[str, key("4b. Data exclusion criteria")] = ""
    fit_quality: Annotated[str, key("4c. Quality of the fit (CRLB, goodness of fit)")] = ""
    sample_spectrum: Annotated[str, key("4d. Sample spectrum")] = ""
