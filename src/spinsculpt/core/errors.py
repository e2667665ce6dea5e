"""Exceptions that speak to the user."""


class SpinsculptError(ValueError):
    """Something the user can put right; the message says what was wrong, where, and what to do."""


class NoSpectrum(SpinsculptError):
    """A sound file that holds something else than spectroscopy, such as an image."""


def brief(error: BaseException) -> str:
    """What an exception of a library says, as part of a sentence: its first line, shortened."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if len(lines[0]) <= 200 else f"{lines[0][:200]}…"
