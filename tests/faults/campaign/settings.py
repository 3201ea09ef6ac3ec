"""Settings files and options that are wrong: typed badly, out of range, hostile, or no files at all."""

from __future__ import annotations

import os

from faults.campaign.cases import APPLY, COMPARE, FILE, INSPECT, REPORT, RUN, Kind, Step, either, refused, works
from faults.campaign.commands import Place

CASES = Kind("settings")
OPTIONS = Kind("options", "result.nwb")
YAML = "settings.yaml"
WITH = (*RUN, "--config", YAML)


def settings(name: str, content: str | bytes, *steps: Step) -> None:
    """Add a case of a settings file."""

    def prepare(place: Place) -> None:
        place.copy("recording.nwb")
        data = content if isinstance(content, bytes) else content.encode()
        (place.work / YAML).write_bytes(data)

    CASES.case(name, *(steps or (refused(WITH, YAML),)))(prepare)


for _name, _text in {
    "empty": "", "a comment": "# nothing\n", "null": "null\n", "a byte-order mark": "\ufeffpreprocessing: {}\n",
    "ends of lines of Windows": "preprocessing:\r\n  highpass_hz: 60\r\n", "an empty part": "preprocessing:\n",
}.items():  # fmt: skip
    settings(_name, _text, either(WITH) if _name in ("an empty part", "a byte-order mark") else works(WITH))
for _wrong, _right in {
    "preprocesing: {}": "preprocessing", "preprocessing: {higpass_hz: 60}": "highpass_hz", "lowpas: {}": "lowpass",
    "preprocessing: {highpass: 60}": "highpass_hz", "lowpass: {cutof: 20}": "cutoff", "sesion: {}": "session",
    "session: {subjectid: a}": "subject_id", "autolfads: {trainin: {}}": "training", "bayes: {bin: 3}": "bayes",
}.items():  # fmt: skip
    settings(
        f"a typo, {_wrong}",
        _wrong,
        refused(
            (
                *WITH,
                *(
                    ("--estimator", "autolfads")
                    if "autolfads" in _wrong
                    else ("--estimator", "bayes")
                    if "bayes" in _wrong
                    else ()
                ),
            ),
            _right,
            YAML,
        ),
    )
for _key in (
    "highpass_hz",
    "analysis_rate_hz",
    "notch_hz",
):
    for _value in (".nan", ".inf", "-1", "text"):
        settings(f"{_key} of {_value[:12]}", f"preprocessing: {{{_key}: {_value}}}", refused(WITH, _key))
for _value in (".nan", ".inf", "-1", "1e308", "[]"):
    settings(f"lowpass cutoff of {_value}", f"lowpass: {{cutoff: {_value}}}", refused(WITH, "cutoff"))
settings("a list", "- 1\n")
settings("a number", "5\n")
settings("text", "hello\n")
settings("two documents", "lowpass: {}\n---\nlowpass: {}\n")
settings("the same key twice", "lowpass: {cutoff: 10}\nlowpass: {cutoff: 20}\n")
settings("keys that are numbers", "1: 2\n")
settings("keys that are lists", "? [1]\n: 2\n")
settings("a key of 20,000 letters", f"{'x' * 20_000}: 1\n")
settings("a value of 20,000 letters", f"preprocessing: {{preset: {'x' * 20_000}}}\n", refused(WITH, "preset"))
settings("a value that moves the cursor", 'preprocessing: {preset: "\\e[2J"}\n', refused(WITH, "preset"))
settings("1,000 unknown keys", "".join(f"key{at}: 1\n" for at in range(1000)))
settings("an object of Python", "!!python/object/apply:os.system ['touch made']\n")
settings("a tag of its own", "!quux 1\n")
settings("aliases that unfold", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b]\n")
settings("an alias of itself", "a: &a [*a]\n")
settings("nested 20,000 deep", "[" * 20_000)
settings("nested 20,000 deep in blocks", "".join(" " * at + "a:\n" for at in range(300)))
settings("70 kB", "# " + "x" * 70_000)
settings("an unclosed quote", 'a: "b\n')
settings("tabs", "preprocessing:\n\thighpass_hz: 60\n")
settings("NUL bytes", b"lowpass: {}\0\0\n")
settings("Latin letters", "session: {description: \xe9}\n".encode("latin-1"))
settings("UTF-16", "lowpass: {}\n".encode("utf-16"))
settings("control characters", b"lowpass: {\x1b[2J: 1}\n")
settings("noise", bytes(range(256)) * 8)
settings("the recording", b"", refused((*RUN, "--config", FILE), FILE))
settings("a number of 4,000 digits", f"lowpass: {{cutoff: {'9' * 4000}}}\n", refused(WITH, "cutoff"))
settings("a date where a number is", "lowpass: {cutoff: 2026-01-01}\n", refused(WITH, "cutoff"))
settings("a start time without a zone", "session: {start: 2026-01-01T00:00:00}\n", refused(WITH, "start"))
settings(
    "a window larger than the recording",
    "autolfads: {window_ms: 60000}\n",
    refused((*WITH, "--estimator", "autolfads"), "window"),
)
settings(
    "a model larger than the memory",
    "autolfads: {generator: 4096, controller: 4096, ci_encoder: 4096, ic_encoder: 4096, training: {members: 1024}}\n",
    refused((*WITH, "--estimator", "autolfads"), YAML),
)


@CASES.case("a folder", refused(WITH, YAML))
def _(place: Place) -> None:
    place.copy("recording.nwb")
    (place.work / YAML).mkdir()


@CASES.case("a pipe", refused(WITH, YAML))
def _(place: Place) -> None:
    place.copy("recording.nwb")
    os.mkfifo(place.work / YAML)


@CASES.case("a device that never ends", refused((*RUN, "--config", "/dev/zero"), "/dev/zero"))
def _(place: Place) -> None:
    place.copy("recording.nwb")


def option(command: tuple[str, ...], *more: str, works_too: bool = False) -> None:
    """Add a case of options that are wrong, or that may be."""
    name = f"{' '.join(command[:2])} {' '.join(each[:24] for each in more)!r}"
    step = either((*command, *more)) if works_too else refused((*command, *more))
    OPTIONS.case(name, step)(lambda place: place.copy("result.nwb"))


for _value in ("nan", "inf", "-1", "1e308", ""):
    option(("simulate", "new.nwb"), "--duration", _value)
for _value in ("nan", "0"):
    option(COMPARE, "--bin-width", _value)
    option(("run", FILE, "--out", "new.nwb"), "--minutes", _value)
for _value in ("nan", "inf"):
    option(COMPARE, "--before", _value)
    option(REPORT, "--after", _value)
    option((*RUN, "--overwrite", "--trials", "trials:start_time"), "--trial-from", _value)
    option((*RUN, "--overwrite", "--trials", "trials:start_time"), "--trial-to", _value)
for _value in ("-1", "1.5", "2" * 400, "text"):
    option((*RUN, "--overwrite"), "--seed", _value)
option((*RUN, "--overwrite"), "--seed", str(2**200))
option(COMPARE, "--seed", str(2**64))
option(("simulate", "new.nwb"), "--seed", str(2**200))
for _place in (
    "nowhere",
    "../../etc/passwd",
    "/",
    "",
    "acquisition",
    "x" * 10_000,
    "\x1b[2J",
    "*",
):
    option((*RUN, "--overwrite"), "--emg", _place, works_too=_place in ("*", "acquisition", ""))
    option(REPORT, "--events", _place)
for _muscles in (",", "TA,TA", "nobody", "TA," * 2000, "\x1b[2J"):
    option((*RUN, "--overwrite"), "--muscles", _muscles)
option((*RUN, "--overwrite"), "--unit", "bananas")
option(RUN, "--io", "QuuxIO")
option(RUN, "--io", "os.system")
option((*RUN, "--overwrite"), "--trials", "trials:gone")
option((*RUN, "--overwrite"), "--trials", "gone:start_time")
option(RUN, "--estimator", "magic")
option(RUN, "--nothing", "5")
option(("run",))
option(("run", "gone.nwb"))
option(("run", "."))
option(("run", "/dev/null"))
option(("inspect", "/dev/zero"))
option(("inspect", "/dev/stdin"))
option(("run", "https://localhost:9/x.nwb", "--out", "new.nwb"))
option(("run", "ftp://localhost:9/x.nwb", "--out", "new.nwb"))
option(("run", "dandi://quux", "--out", "new.nwb"))
option(("run", "file:///etc/passwd", "--out", "new.nwb"))
option(INSPECT, "--json", works_too=True)
option(APPLY)


@OPTIONS.case("a pipe as recording", refused(INSPECT), refused(RUN), refused(REPORT), refused(COMPARE))
def _(place: Place) -> None:
    os.mkfifo(place.work / FILE)


@OPTIONS.case("an empty file as recording", refused(INSPECT), refused(RUN), refused(REPORT), refused(COMPARE))
def _(place: Place) -> None:
    (place.work / FILE).touch()


@OPTIONS.case("a folder as recording", refused(INSPECT), refused(RUN), refused(REPORT), refused(COMPARE))
def _(place: Place) -> None:
    (place.work / FILE).mkdir()
