"""Exceptions that speak to the user."""


class SpinsculptError(ValueError):
    """Something the user can put right; the message says what was wrong, where, and what to do."""


class NoSpectrum(SpinsculptError):
    """A sound file that holds something else than spectroscopy, such as an image."""
