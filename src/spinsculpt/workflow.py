"""What every script of the workflow shares: log file, one clear sentence on failure."""

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spinsculpt.errors import SpinsculptError


@contextmanager
def job(snakemake) -> Iterator[object]:
    """Run the body of a script with its log file; turn an error into a sentence on stderr and exit status 1.

    The sentence (SpinsculptError) or the traceback (anything else: a bug of ours) is in the log file too.
    """
    log = Path(snakemake.log[0])
    log.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=log, filemode="w", level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.captureWarnings(True)
    try:
        yield snakemake
    except SpinsculptError as error:
        logging.error("%s", error)
        sys.exit(f"{snakemake.rule}: {error}")
    except Exception as error:
        logging.error("%s", traceback.format_exc())
        sys.exit(f"{snakemake.rule}: unexpected {type(error).__name__}: {error} (the whole traceback is in {log})")
    logging.info("done")
