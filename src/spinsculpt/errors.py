"""The one exception that speaks to the user."""


class SpinsculptError(ValueError):
    """Something the user can put right; the message says what was wrong, where, and what to do."""
