"""Errors that the state machine names."""


class RefusedError(Exception):
    """Caught by its name."""


class BusyError(Exception):
    """Retried by its name."""
