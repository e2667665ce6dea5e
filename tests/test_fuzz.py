"""Every reader against damaged files: a sentence or sane numbers, within seconds and bounded memory.

Each example begins with a sound file and harms it at some places. A crash of the process fails the whole run; what
takes longer than `SECONDS`, raises anything but `SpinsculptError`, or returns a number that is not finite, fails its
reader.
"""

import dataclasses
import json
import os
import resource
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entries import build_sequence
from raw_files import write_p_file, write_philips, write_philips_dicom, write_rda, write_twix_head
from spinsculpt import basis
from spinsculpt.app.explore._save import read_saved
from spinsculpt.basis import (
    BasisSet,
    read_jmrui,
    read_lcmodel,
    read_nifti,
    write_jmrui,
    write_lcmodel,
    write_nifti,
)
from spinsculpt.cest.modelling import read_protocol, read_stack
from spinsculpt.compare import read_table
from spinsculpt.config import Basis, read_study
from spinsculpt.core.errors import SpinsculptError
from spinsculpt.core.gate import read_yaml
from spinsculpt.data.bids import read_sidecar
from spinsculpt.data.convert import read_raw_header
from spinsculpt.data.convert._philips import checked_pair, philips_pair
from spinsculpt.data.convert._siemens import check_rda
from spinsculpt.data.nifti import MRSData, read_fids, write_fids
from spinsculpt.data.subjects import read_subjects
from spinsculpt.design._checkpoint import load_checkpoint, save_checkpoint
from spinsculpt.fit._tissue import tissue_of, voxel_fractions
from spinsculpt.physics.pulses import DesignedPulses, read_designed, read_pulse, sinc, write_designed, write_pulse
from spinsculpt.physics.sequences import Sequence, read_fslmrs, read_pulseq, write_fslmrs, write_pulseq
from spinsculpt.physics.spins import load_library, read_macromolecule

SECONDS = 20  # for one example; all take milliseconds
MEGABYTES = 600  # that one reader may add to the process
PULSE = sinc(0.005, 180.0)
FIDS = np.exp((2j * np.pi * 0.05 - 0.02) * np.arange(64)) * np.ones((2, 1))
BASIS = BasisSet(("NAA", "Cr"), FIDS, 5e-4, 127.7)
PRESS = {"type": "press", "echo_time": 0.03, "te1": 0.012, "ideal": True}
LIBRARY = """sources: {a: somebody}
metabolites:
  Cr: {full_name: creatine, parts: [{shifts: {A: 3.03, B: 3.91}, couplings: [[A, B, 7.0]]}], t1: 1.4, t2: {3.0: 0.15},
    concentration: 8, sources: {spins: [a], t1: [a], t2: [a], concentration: [a]}}
macromolecules:
  MM09: {peaks: [[0.9, 3, 0.1]], t1: 0.3, t2: 0.03, concentration: 5,
    sources: {peaks: [a], t1: [a], t2: [a], concentration: [a]}}
"""
OURS = "subject\tvalue\n01\t2.5\n02\t3\n"
PROTOCOL = "{b1_uT: [0, 2, 1], offset_ppm: 3.5, saturation_s: 1.0, recovery_s: 1.5}\n"
TABLE = "subject\tsession\tsequence\tdata\twater\tgm\twm\tcsf\n01\t\tpress30\ta/b.SDAT\tc.SDAT\t0.6\t0.3\t0.1\n"


def made(write: Callable[[Path], object], name: str) -> Callable[[Path], Path]:
    """A maker of one sound file in a folder."""

    def make(folder: Path) -> Path:
        write(folder / name)
        return folder / name

    return make


def text(content: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(content)


def designed(path: Path) -> None:
    write_designed(path, DesignedPulses("gap", {"gap": PULSE}, {"te1": 0.012, "te2": 0.018, "gap_shift": 0.0}))


def press(path: Path) -> None:
    build_sequence("press", PRESS, central_frequency=127.7).write(path)


def fslmrs(path: Path) -> None:
    sequence = build_sequence("press", PRESS, central_frequency=127.7)
    write_fslmrs(sequence, path, Basis(points=64))


def fids(path: Path) -> None:
    write_fids(path, MRSData(FIDS[0], 5e-4, 127.7, header={"EchoTime": 0.03, "RepetitionTime": 2.0}))


def pulseq(path: Path) -> None:
    entry = PRESS | {"ideal": False}
    write_pulseq(build_sequence("press", entry, central_frequency=127.7), path, 64, 5e-4)


def checkpoint(path: Path) -> None:
    save_checkpoint(path, "one", {"done": 3, "best": [0.5, torch.arange(3.0)]})


def tissue_image(path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.full((4, 4, 4), 0.5, np.float32), np.eye(4)), path)


def stack(path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.full((3, 3, 1, 2), 0.5, np.float32), np.eye(4)), path)


def basis_json(path: Path) -> None:
    basis.write_fslmrs(BASIS, path.parent)
    (path.parent / "Cr.json").unlink()


def philips(path: Path) -> None:
    write_philips(path.parent, path.stem)


CONFIG = """designs: {a: {kind: gap, iterations: 3, objectives: [{type: crlb, metabolites: {Glu: 1}}]}}
sequences: {p: {type: press, echo_time: 0.03, editing: {ppm: {"on": 1.9}}}}
analyses: {p: {sequence: p}}
fit: {ppm: [0.5, 4], water: {tissue: {gm: 0.5, wm: 0.4, csf: 0.1}}}
"""
TISSUE = "subject,gm,wm,csf\n01,0.6,0.3,0.1\n"
MACROMOLECULE = json.dumps({"name": "MMexp", "peaks_ppm_protons_fwhm_ppm": [[0.9, 3.0, 0.1]], "t1_s": 0.3})
VOXEL = MRSData(FIDS[0], 5e-4, 127.7, affine=np.diag([20.0, 20.0, 20.0, 1.0]))
HEADER = MRSData(FIDS[0], 5e-4, 127.7)

# Each: a sound file, its reader, and whether the reader decides over numbers (or only over words of a header).
READERS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object]]] = {
    "configuration": (made(text(CONFIG), "c.yaml"), lambda path: read_study([path])),
    "library": (made(text(LIBRARY), "l.yaml"), lambda path: load_library(path)),
    "macromolecule": (made(text(MACROMOLECULE), "m.json"), read_macromolecule),
    "table of scans": (made(text(TABLE), "s.tsv"), lambda path: read_subjects(path, ["press30"])),
    "table of tissue": (made(text(TISSUE), "t.csv"), lambda path: tissue_of(str(path), HEADER, "sub-01_svs")),
    "image of tissue": (made(tissue_image, "gm.nii"), lambda path: voxel_fractions(VOXEL, path, path, path)),
    "checkpoint": (made(checkpoint, "checkpoint.npz"), lambda path: load_checkpoint(path, "one")),
    "Pulseq": (made(pulseq, "press.seq"), read_pulseq),
    "sequence": (made(press, "press.json"), Sequence.read),
    "sequence of FSL-MRS": (made(fslmrs, "f.json"), lambda path: read_fslmrs(path)),
    "design": (made(designed, "pulse.json"), read_designed),
    **{
        f"pulse {suffix}": (
            made(lambda path: write_pulse(path, PULSE), f"p{suffix}"),
            lambda path: read_pulse(path, 0.005),
        )
        for suffix in (".pta", ".RF", ".txt", ".exc")
    },
    "basis of FSL-MRS": (made(basis_json, "NAA.json"), lambda path: basis.read_fslmrs(path.parent)),
    "basis of LCModel": (made(lambda path: write_lcmodel(BASIS, path), "b.basis"), read_lcmodel),
    "basis of jMRUI": (made(lambda path: write_jmrui(BASIS, path), "b.txt"), read_jmrui),
    "basis of NIfTI-MRS": (made(lambda path: write_nifti(BASIS, path), "b.nii"), read_nifti),
    "NIfTI-MRS": (made(fids, "d.nii"), read_fids),
    "header of NIfTI-MRS": (made(fids, "d.nii"), read_raw_header),
    "sidecar": (made(text('{"EchoTime": 0.03}'), "d.json"), lambda path: read_sidecar(path.with_suffix(".nii"))),
    "header of SPAR": (made(philips, "a.SPAR"), read_raw_header),
    "SDAT and SPAR": (made(philips, "a.SPAR"), lambda path: checked_pair(*philips_pair(path))),
    "header of rda": (made(write_rda, "a.rda"), read_raw_header),
    "rda": (made(write_rda, "a.rda"), check_rda),
    "header of twix": (made(write_twix_head, "a.dat"), read_raw_header),
    "header of a P-file": (made(write_p_file, "P1.7"), read_raw_header),
    "our tables": (
        made(text(OURS), "t.tsv"),
        lambda path: list(read_table(path, ["value"])["value"].dropna()),
    ),
    "saved screen": (made(text(CONFIG), "s.yaml"), read_saved),
    "protocol of fingerprints": (made(text(PROTOCOL), "p.yaml"), lambda path: read_protocol(path, 3.0)),
    "stack of fingerprints": (made(stack, "s.nii"), lambda path: read_stack(path, 2)),
    "header of DICOM": (lambda folder: write_philips_dicom(folder / "a"), read_raw_header),
}

NASTY = [None, True, -1, 0, 1e30, -1e300, 1e999, 10**40, "", "x", "nan", "../../x", [], [[]], {}, {"a": 1}, [None], "1"]
WORDS = [
    b"nan",
    b"inf",
    b"-1",
    b"1e999",
    b"1e30",
    b"null",
    b"[",
    b"]",
    b"{",
    b"&a",
    b"*a",
    b"!!int",
    b"\t",
    b"\n",
    b":",
]
WORDS += [b"\0", b"\xff\xff\xff\xff", b"../../x", b"9" * 40, b'"', b"'", b"-", b",", b" "]
harms = st.lists(
    st.tuples(
        st.sampled_from(["put", "over", "cut", "cut to the end", "twice", "flip"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(1, 40),
        st.sampled_from(WORDS) | st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=4,
)


def harmed(content: bytes, harm: list[tuple[str, float, int, bytes]]) -> bytes:
    for kind, place, length, word in harm:
        at = int(place * len(content))
        match kind:
            case "put":
                content = content[:at] + word + content[at:]
            case "over":
                content = content[:at] + word + content[at + len(word) :]
            case "cut":
                content = content[:at] + content[at + length :]
            case "cut to the end":
                content = content[:at]
            case "twice":
                content = content[: at + length] + content[at:]
            case "flip" if content:
                content = content[:at] + bytes([content[at] ^ (1 << length % 8)]) + content[at + 1 :]
    return content


def nodes(content: object, path: tuple = ()) -> list[tuple]:
    """Paths of every value in nested maps and lists; of long lists the first few."""
    found = [path] if path else []
    pairs = (
        content.items() if isinstance(content, dict) else enumerate(content[:4]) if isinstance(content, list) else ()
    )
    return found + [deeper for key, inner in pairs for deeper in nodes(inner, (*path, key))]


def replaced(content: object, path: tuple, value: object) -> object:
    key, *rest = path
    copy = dict(content) if isinstance(content, dict) else list(content)
    copy[key] = replaced(copy[key], tuple(rest), value) if rest else value
    return copy


def check_sane(thing: object) -> None:
    """Every number that a reader returns is finite."""
    match thing:
        case None | str() | bytes() | bool() | Path():
            return
        case int() | float() | complex() | np.number() | np.ndarray():
            assert np.all(np.isfinite(np.asarray(thing, complex))), thing
        case Mapping():
            for key, value in thing.items():
                if key not in ("meta", "header", "dim_headers"):  # words beside the numbers
                    check_sane(value)
        case list() | tuple() | set():
            for value in thing:
                check_sane(value)
        case _ if dataclasses.is_dataclass(thing):
            check_sane({field.name: getattr(thing, field.name) for field in dataclasses.fields(thing)})


@pytest.fixture
def bounded():
    """Ends what hangs, and fails what takes too much memory."""

    def stop(*_):
        raise TimeoutError(f"a reader takes longer than {SECONDS} s")

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    old = signal.signal(signal.SIGALRM, stop)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, old)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MEGABYTES, f"a reader took {grown:.0f} MB"


def read(path: Path, reader: Callable[[Path], object]) -> None:
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        check_sane(reader(path))
    except SpinsculptError as error:
        assert str(error).strip()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


# The same examples in every run: what the search finds by chance must not stop somebody else's work. A longer one, with
# others: SPINSCULPT_FUZZ=5000 pytest tests/test_fuzz.py
bounded_search = settings(
    max_examples=int(os.environ.get("SPINSCULPT_FUZZ", "60")),  # of each reader
    deadline=None,
    derandomize="SPINSCULPT_FUZZ" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_a_sentence_or_sane(tmp_path, bounded, name):
    make, reader = READERS[name]
    path = make(tmp_path)
    sound = path.read_bytes()
    check_sane(reader(path))

    @bounded_search
    @given(harms)
    def search(harm):
        path.write_bytes(harmed(sound, harm))
        read(path, reader)

    search()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name",
    [
        name
        for name, (make, _) in READERS.items()
        if name in ("macromolecule", "sequence", "sequence of FSL-MRS", "design", "basis of FSL-MRS", "sidecar")
    ],
)
def test_json_with_a_value_of_another_kind_is_a_sentence_or_sane(tmp_path, bounded, name):
    make, reader = READERS[name]
    path = make(tmp_path)
    sound = json.loads(path.read_text())

    @bounded_search
    @given(st.sampled_from(nodes(sound)), st.sampled_from(NASTY))
    def search(place, value):
        path.write_text(json.dumps(replaced(sound, place, value)))
        read(path, reader)

    search()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["configuration", "library", "protocol of fingerprints"])
def test_yaml_with_a_value_of_another_kind_is_a_sentence_or_sane(tmp_path, bounded, name):
    import yaml

    make, reader = READERS[name]
    path = make(tmp_path)
    sound = read_yaml(path)

    @bounded_search
    @given(st.sampled_from(nodes(sound)), st.sampled_from([*NASTY, float("nan"), float("inf")]))
    def search(place, value):
        path.write_text(yaml.safe_dump(replaced(sound, place, value)))
        read(path, reader)

    search()
