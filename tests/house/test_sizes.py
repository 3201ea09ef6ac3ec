"""A file fits in one reading, a function on a screen, a folder in a glance."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "nwb_autolfads"

LONGEST_FILE = 300
LONGEST_FUNCTION = 60  # without its docstring
FULLEST_FOLDER = 12  # besides __init__.py and __main__.py

EXCEPTIONS = {
    "cli/run.py run": "one line for each option of the command",
}


def functions_longer_than(longest, text):
    """Return the functions of a file with more lines than that, and how many they have; docstrings do not count."""
    found = {}
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines = node.end_lineno - node.lineno + 1
        if ast.get_docstring(node) is not None:
            lines -= node.body[0].end_lineno - node.body[0].lineno + 1
        if lines > longest:
            found[node.name] = lines
    return found


def test_no_file_is_longer_than_one_reading():
    kinds = {".py", ".cpp", ".hpp", ".j2", ".js"}
    files = [path for path in PACKAGE.rglob("*") if path.suffix in kinds]
    lengths = {
        path.relative_to(PACKAGE).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in files
    }
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE and name not in EXCEPTIONS} == {}


def test_no_function_is_longer_than_a_screen():
    found = {}
    for path in PACKAGE.rglob("*.py"):
        place = path.relative_to(PACKAGE).as_posix()
        for name, lines in functions_longer_than(LONGEST_FUNCTION, path.read_text(encoding="utf-8")).items():
            found[f"{place} {name}"] = lines
    assert {name: n for name, n in found.items() if name not in EXCEPTIONS} == {}


def test_no_folder_holds_more_than_a_glance():
    folders = [PACKAGE, *(path for path in PACKAGE.rglob("*") if path.is_dir() and path.name != "__pycache__")]
    held = {
        folder.relative_to(PACKAGE).as_posix(): sum(
            path.is_file() and not path.name.startswith("__") and path.suffix != ".pyc" for path in folder.iterdir()
        )
        for folder in folders
    }
    assert {name: n for name, n in held.items() if n > FULLEST_FOLDER and name not in EXCEPTIONS} == {}


def test_a_long_function_is_found_and_its_docstring_is_not_counted():
    body = "\n".join(["    x = 1"] * 5)
    assert functions_longer_than(5, f"def f():\n{body}\n") == {"f": 6}
    assert functions_longer_than(6, f'def f():\n    """One.\n\n    Two.\n    """\n{body}\n') == {}
