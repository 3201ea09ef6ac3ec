"""The picture of the house: which room imports which, read from the source. Run it after a room or an arrow changed.

python docs/house.py
"""

from __future__ import annotations

import ast
from html import escape
from pathlib import Path

from nwb_autolfads.palette import BLACK, BLUE, FAINT_GREY, PAPER_BLUE, QUIET_TEXT, TEXT, WHITE

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "nwb_autolfads"
PICTURE = ROOT / "docs" / "house.svg"

GROUND = ("both_ways", "errors", "files", "given", "palette", "segments", "validation")
"""Every room may stand on these, so their arrows are not drawn."""

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 200, 66, 26, 34, 16
LINE = 32  # characters of a line in a box


def rooms() -> dict[str, str]:
    """Return what each room is for, the first line of its docstring, by its name."""
    paths = [*PACKAGE.glob("*/__init__.py"), *PACKAGE.glob("[a-z]*.py")]
    found = {(path.parent.name if path.name == "__init__.py" else path.stem): path for path in paths}
    return {name: _first_line(found[name]) for name in sorted(found)}


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]


def arrows(names: set[str]) -> dict[str, set[str]]:
    """Return which other rooms each room imports; what is only for the type checker does not count."""
    found: dict[str, set[str]] = {name: set() for name in sorted(names)}
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room in names:
            found[room] |= {name for name in _imported(path) if name in names and name != room}
    return found


def _imported(path: Path) -> set[str]:
    names: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return {name.split(".")[1] for name in names if name.startswith("nwb_autolfads.")}


def without_detours(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the arrows that no chain of others makes: the picture stays readable, and says the same."""

    def reached(start: str) -> set[str]:
        return set().union(*({name} | reached(name) for name in graph[start]))

    return {
        room: {name for name in others if not any(name in reached(other) for other in others - {name})}
        for room, others in graph.items()
    }


def floors(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the rooms from the roof down: each stands below all that import it, and under the middle of them."""
    users = {room: [other for other in graph if room in graph[other]] for room in graph}

    def depth(room: str) -> int:
        return 1 + max((depth(user) for user in users[room]), default=-1)

    depths = {room: depth(room) for room in graph}
    rows: list[list[str]] = []
    middle: dict[str, float] = {}
    for level in sorted(set(depths.values())):
        row = [room for room in graph if depths[room] == level]
        row.sort(key=lambda room: (sum(middle[user] for user in users[room]) / max(1, len(users[room])), room))
        middle |= {room: at - (len(row) - 1) / 2 for at, room in enumerate(row)}
        rows.append(row)
    return rows


def draw() -> str:
    """Return the picture as SVG."""
    purposes = rooms()
    graph = without_detours(arrows(set(purposes) - set(GROUND)))
    rows = [*floors(graph), list(GROUND)]
    width = max(len(row) for row in rows) * (WIDTH + GAP_X) - GAP_X + 2 * MARGIN
    height = len(rows) * (HEIGHT + GAP_Y) - GAP_Y + 2 * MARGIN
    places = {}
    for floor, row in enumerate(rows):
        left = (width - len(row) * (WIDTH + GAP_X) + GAP_X) / 2
        for at, room in enumerate(row):
            places[room] = (left + at * (WIDTH + GAP_X), MARGIN + floor * (HEIGHT + GAP_Y))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        "<title>The rooms of nwb_autolfads and what each imports</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{BLUE}"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="{WHITE}"/>',
    ]
    lines += [_arrow(places[room], places[name]) for room, names in graph.items() for name in sorted(names)]
    lines += [_box(room, purposes[room], places[room], ground=room in GROUND) for row in rows for room in row]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _arrow(start: tuple[float, float], stop: tuple[float, float]) -> str:
    x0, y0, x1, y1 = start[0] + WIDTH / 2, start[1] + HEIGHT, stop[0] + WIDTH / 2, stop[1]
    bend = (y1 - y0) / 2
    curve = f"M{x0:g} {y0:g}C{x0:g} {y0 + bend:g} {x1:g} {y1 - bend:g} {x1:g} {y1:g}"
    return f'<path d="{curve}" fill="none" stroke="{BLUE}" stroke-width="1.3" marker-end="url(#tip)"/>'


def _box(room: str, purpose: str, place: tuple[float, float], *, ground: bool) -> str:
    x, y = place
    fill = FAINT_GREY if ground else PAPER_BLUE
    text = [f'<text x="{x + 8:g}" y="{y + 17:g}" font-size="14" font-weight="bold" fill="{BLACK}">{room}</text>']
    for number, line in enumerate(_folded(purpose)):
        text.append(
            f'<text x="{x + 8:g}" y="{y + 33 + 12 * number:g}" font-size="10.5" fill="{TEXT}">{escape(line)}</text>'
        )
    box = f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="4" fill="{fill}" stroke="{QUIET_TEXT}"/>'
    return "\n".join([box, *text])


def _folded(text: str) -> list[str]:
    """Return the text in as many lines as a box has; what does not fit ends with dots."""
    lines = [""]
    for word in text.rstrip(".").replace("`", "").split():
        if len(lines[-1]) + len(word) > LINE:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines if len(lines) <= 3 else [*lines[:2], f"{lines[2]} ..."]


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
    print(f"Wrote {PICTURE}")
