"""What can go wrong for a user: each error names the file, the object, the value and the way out."""


class NwbAutolfadsError(Exception):
    """Base of every error that the input or the machine causes.

    Parameters
    ----------
    problem : str
        What is wrong, with the value that was met.
    way_out : str
        What the user can do about it.
    file : str, optional
        The file concerned.
    obj : str, optional
        The object in the file, or the argument, concerned.
    """

    def __init__(self, problem: str, *, way_out: str, file: str = "", obj: str = "") -> None:
        self.problem, self.way_out, self.file, self.obj = problem, way_out, str(file), str(obj)
        where = ", ".join(part for part in (self.file, self.obj) if part)
        super().__init__(f"{where + ': ' if where else ''}{problem}. {way_out}")


class SourceError(NwbAutolfadsError):
    """A file cannot be read, or the EMG in it cannot be found."""


class SignalError(NwbAutolfadsError):
    """The signal itself is unfit for what was asked: too short, flat, not finite, sampled too slowly."""


class ConfigError(NwbAutolfadsError):
    """A setting is out of its range or does not exist."""


class TrainingError(NwbAutolfadsError):
    """Training produced no usable model."""


class OutputError(NwbAutolfadsError):
    """The result cannot be written where it was asked for."""
