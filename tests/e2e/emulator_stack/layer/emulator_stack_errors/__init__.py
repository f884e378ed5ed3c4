"""Errors that the state machine knows by name."""


class RefusedError(Exception):
    """The state machine catches this error."""


class BusyError(Exception):
    """The state machine retries after this error."""
