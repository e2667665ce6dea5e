"""Read the raw files of one scan, whatever their format."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import check_size
from spinsculpt.data.bids import header_of_sidecar, read_sidecar
from spinsculpt.data.convert._combine import choose, concatenate
from spinsculpt.data.convert._dicom import DicomFile, check_complete, dicom_series
from spinsculpt.data.convert._formats import Format, describe_p_file, named_format, read_bytes, recognise
from spinsculpt.data.convert._philips import (
    checked_list,
    checked_pair,
    checked_spar,
    list_files,
    philips_pair,
    transients,
    write_clean_spar,
)
from spinsculpt.data.convert._philips_dicom import NOTE, read_slab
from spinsculpt.data.convert._siemens import check_rda, read_rda
from spinsculpt.data.convert._sources import files_on_disk
from spinsculpt.data.convert._spec2nii import run_spec2nii
from spinsculpt.data.nifti import MRSData, read_fids

DataSets = dict[str, MRSData]  # by the end of the name that spec2nii gives


@dataclass(frozen=True)
class RawScan:
    """A scan as its raw files hold it.

    Attributes:
        data: with all dimensions, repetitions one after the other along DIM_DYN.
        format: name of the format of the files.
        notes: a sentence for each choice that was made.
    """

    data: MRSData
    format: str
    notes: list[str]


def read_raw(named: list[Path], suffix: str, echo_time: float | None = None) -> RawScan:
    """Read the raw files of a scan.

    Args:
        named: files of one format, of a Philips scan one of its files each; or folders of DICOM files. Several are
            repetitions of one scan.
        suffix: "svs" for the metabolites, "mrsref" for the water reference, where a file holds both.
        echo_time: in s; decides between scans of several echo times in one file.
    Raises:
        SpinsculptError: a sentence with the name of the file and what to do.
    """
    for path in files_on_disk(named):
        check_size(path)
    kind = _only_format(named)
    notes: list[str] = []
    if kind.name == "DICOM":
        series = dicom_series(named)
        sources, sets = [files[0].path for files in series], [_read_series(files) for files in series]
        if any(file.lacks_slabs for files in series for file in files):
            notes.append(NOTE)
    else:
        sources, sets = named, [_READERS[kind.name](path) for path in named]
    parts = [choose(found, path, suffix, echo_time, notes) for found, path in zip(sets, sources, strict=True)]
    if len(parts) > 1:
        notes.append(f"put {len(parts)} repetitions one after the other")
    return RawScan(concatenate(parts, sources), kind.name, list(dict.fromkeys(notes)))


def _only_format(named: list[Path]) -> Format:
    """The format of all files; a folder stands for DICOM."""
    if not named:
        raise SpinsculptError("A line of the table of scans names no raw file; fill in its column 'data'.")
    kinds = [named_format("DICOM") if path.is_dir() else recognise(path) for path in named]
    for path, kind in zip(named, kinds, strict=True):
        if kind is not kinds[0]:
            raise SpinsculptError(
                f"{path}: is {kind.name}, but {named[0].name} is {kinds[0].name}; files of one scan have one format."
            )
    return kinds[0]


def _read_nifti(path: Path) -> DataSets:
    data, beside = read_fids(path), header_of_sidecar(read_sidecar(path))
    return {"": replace(data, header=beside | data.header)}


def _read_twix(path: Path) -> DataSets:
    first = int.from_bytes(read_bytes(path, 4), "little")
    version = "VD or later" if first < 10000 else "VB"
    return run_spec2nii("twix", ["-e", "image", "-q", str(path.resolve())], path, f"Siemens twix of {version}")


def _read_rda(path: Path) -> DataSets:
    check_rda(path)
    version = read_rda(path).get("SoftwareVersion[0]") or "an unknown version"
    return run_spec2nii("rda", [str(path.resolve())], path, f"Siemens rda of {version:.40}")


def _read_p_file(path: Path) -> DataSets:
    return run_spec2nii("ge", [str(path.resolve())], path, describe_p_file(path))


def _read_sdat(path: Path) -> DataSets:
    sdat, spar = philips_pair(path)
    fields = checked_pair(sdat, spar)
    known: dict = {"NumberOfTransients": transients(fields)}
    if float(fields["spectrum_inversion_time"]) > 0:  # which spec2nii leaves in ms
        known["InversionTime"] = float(fields["spectrum_inversion_time"]) * 1e-3
    with tempfile.TemporaryDirectory(prefix="spinsculpt-") as folder:
        clean = write_clean_spar(Path(folder) / "scan.SPAR", fields)
        sets = run_spec2nii("philips", [str(sdat.resolve()), str(clean)], path, "Philips SDAT/SPAR")
    return {name: replace(data, header=data.header | known) for name, data in sets.items()}


def _read_data_list(path: Path) -> DataSets:
    data, listing, spar = list_files(path)
    checked_list(data, listing)
    with tempfile.TemporaryDirectory(prefix="spinsculpt-") as folder:
        clean = write_clean_spar(Path(folder) / "scan.SPAR", checked_spar(spar))
        files = [str(data.resolve()), str(listing.resolve()), str(clean)]
        return run_spec2nii("philips_dl", files, path, "Philips data/list")


def _read_series(files: list[DicomFile]) -> DataSets:
    """DICOM files of one scan; spec2nii takes a folder of them, which may hold nothing else."""
    if any(file.lacks_slabs for file in files):
        return _read_slabs(files)
    with tempfile.TemporaryDirectory(prefix="spinsculpt-") as folder:
        for number, file in enumerate(files):
            check_complete(file.path)
            (Path(folder) / f"{number:05}.dcm").symlink_to(file.path.resolve())
        described = f"DICOM of {files[0].described}"
        return run_spec2nii(files[0].subcommand, ["-t", "DIM_DYN", folder], files[0].path, described)


def _read_slabs(files: list[DicomFile]) -> DataSets:
    """Files of a Philips scan without its orientation; several are repetitions."""
    for file in files:
        check_complete(file.path)
    sets = [read_slab(file.path) for file in files]
    paths = [file.path for file in files]
    names = set.intersection(*(set(each) for each in sets))
    return {name: concatenate([each[name] for each in sets], paths) for name in sorted(names)}


_READERS: dict[str, Callable[[Path], DataSets]] = {
    "NIfTI-MRS": _read_nifti,
    "Siemens rda": _read_rda,
    "Siemens twix": _read_twix,
    "GE P-file": _read_p_file,
    "Philips SDAT/SPAR": _read_sdat,
    "Philips data/list": _read_data_list,
}
