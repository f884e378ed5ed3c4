"""Errors that the state machine names."""


class RefusedError(Exception):
    """Caught by its name."""


class BusyError(Exception):
    """Tried again by its name."""
