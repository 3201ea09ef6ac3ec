"""The viewer in a real browser: by keyboard and mouse, narrow and wide, light and dark, with names that are hostile."""

import base64
import io
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.image import imread
from viewer_examples import HOSTILE, HOSTILE_KIND, MUSCLES, STRIDES, TRIALS, estimated_session

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: the viewer is not opened in one"),
    pytest.mark.skipif(sys.platform == "win32", reason="ended by a signal that Windows has not"),
]
playwright = pytest.importorskip("playwright.sync_api", reason="playwright, of the extra `test`, is not installed")
pytest.importorskip("dash", reason="the extra `viewer` is not installed")

VIEW = [sys.executable, "-c", "import sys; from nwb_autolfads.cli import main; main(sys.argv[1:])", "view"]


def start(file):
    process = subprocess.Popen(
        [*VIEW, str(file), "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # also where the tests run under nohup
    )
    line = process.stdout.readline()
    found = re.search(r"http://\S+", line)
    assert found, line + process.stderr.read()
    return process, found.group()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    process, address = start(estimated_session(tmp_path_factory.mktemp("viewer")))
    yield address
    process.terminate()
    process.communicate(timeout=30)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser, address):
    """Open the viewer; at the end nothing may have gone wrong in it, and nothing been asked of another machine."""
    contexts, wrong = [], []

    def opened(width=1400, dark=False):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request",
            lambda asked: None if asked.url.startswith((address, "data:", "blob:")) else wrong.append(asked.url),
        )
        page.goto(address)
        settled(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def settled(page):
    """Wait until all in view is drawn."""
    page.wait_for_timeout(150)
    page.wait_for_selector("#session[data-complete=true]", timeout=30_000)


def view_of(page):
    start, span = (float(page.get_attribute("#session", f"data-{name}")) for name in ("start", "span"))
    return start, span


def colours_in(page):
    """Return the picture as an array of colours, (row, column, 3)."""
    encoded = page.evaluate("() => document.querySelector('.picture').toDataURL('image/png')")
    return np.round(255 * imread(io.BytesIO(base64.b64decode(encoded.partition(",")[2])))[:, :, :3]).astype(int)


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("dark", [False, True])
def test_it_is_drawn_without_errors_and_fits_its_window(open_page, width, dark):
    page = open_page(width, dark)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    picture = colours_in(page)
    paper = np.array([27, 27, 27]) if dark else np.array([255, 255, 255])
    assert (picture == paper).all(axis=2).mean() > 0.2
    # Vermilion and blue are the colours of AutoLFADS and the low-pass filter.
    for colour in ([213, 94, 0], [0, 114, 178]):
        near = (np.abs(picture - colour) < 40).all(axis=2)
        assert near.sum() > 200
    background = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert background == f"rgb({paper[0]}, {paper[1]}, {paper[2]})"


def test_names_that_are_hostile_stay_text(open_page):
    page = open_page()
    assert page.title() == "result.nwb - nwb-autolfads"
    assert page.locator("img").count() == 0
    assert page.locator(".label", has_text=HOSTILE).count() == 1
    assert page.locator("#muscles").inner_text().count(HOSTILE) == 1
    page.click("summary:has-text('Around events')")
    page.click("#around-muscle")
    page.locator(".dash-dropdown-options [role=option]", has_text=HOSTILE).click()
    page.click("#around-draw")
    page.wait_for_selector("#around-drawn .js-plotly-plot text", timeout=20_000)
    assert HOSTILE in page.locator("#around-drawn").inner_text()
    assert page.locator("img").count() == 0
    assert page.title() == "result.nwb - nwb-autolfads"


def test_keys_move_and_zoom(open_page):
    page = open_page()
    page.focus("#session")
    assert view_of(page) == (0.0, 10.0)
    page.keyboard.press("PageDown")
    settled(page)
    assert view_of(page) == (10.0, 10.0)
    page.keyboard.press("+")
    settled(page)
    assert view_of(page) == (12.5, 5.0)
    page.keyboard.press("ArrowRight")
    settled(page)
    assert 12.6 < view_of(page)[0] < 15.0
    page.keyboard.press("End")
    settled(page)
    assert view_of(page) == (25.0, 5.0)
    page.keyboard.press("0")
    settled(page)
    assert view_of(page) == (0.0, 30.0)
    page.keyboard.press("Home")
    for _ in range(20):
        page.keyboard.press("-")
    settled(page)
    assert view_of(page) == (0.0, 30.0)
    for _ in range(20):
        page.keyboard.press("+")
    settled(page)
    assert view_of(page)[1] == pytest.approx(0.02)


def test_a_held_arrow_pans_smoothly(open_page):
    page = open_page()
    page.focus("#session")
    before = int(page.get_attribute("#session", "data-frames"))
    page.keyboard.down("ArrowRight")
    page.wait_for_timeout(1500)
    page.keyboard.up("ArrowRight")
    frames = int(page.get_attribute("#session", "data-frames")) - before
    assert frames >= 15  # benchmarks/viewer.py measures; here other tests run beside it
    settled(page)
    assert view_of(page)[0] > 2.0


def test_all_can_be_reached_by_keyboard(open_page):
    page = open_page()
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("() => document.activeElement.id || document.activeElement.tagName"))
    for wanted in ("go-first", "zoom-in", "event-after", "session", "SUMMARY", "event-kind"):
        assert wanted in reached, reached
    assert page.evaluate("() => document.querySelectorAll('input[type=checkbox]').length") >= 3 + 2 + 6


def test_events_are_jumped_to_in_turn(open_page):
    page = open_page()
    page.get_by_role("checkbox", name=HOSTILE_KIND, exact=True).uncheck()
    page.focus("#session")
    page.keyboard.press("+")
    centres = []
    for _ in range(4):
        page.keyboard.press("n")
        settled(page)
        start, span = view_of(page)
        centres.append(start + span / 2)
    np.testing.assert_allclose(centres, [time for time in TRIALS if time > 5.0][:4], atol=0.01)
    page.click("#event-before")
    settled(page)
    assert sum(view_of(page)) - view_of(page)[1] / 2 == pytest.approx(centres[2], abs=0.01)


def test_kinds_of_events_are_drawn_together_each_in_its_colour_and_jumped_between(open_page):
    page = open_page()
    named = page.locator("#happened label span[style]")
    colours = dict(zip(named.all_inner_texts(), named.evaluate_all(BORDERS), strict=True))
    assert set(colours) == {"trials", HOSTILE_KIND}
    assert page.locator("#happened b").count() == 0
    at = {"trials": TRIALS[0], HOSTILE_KIND: STRIDES[0]}
    assert all(is_shaded(page, at[kind] + 0.2, colours[kind]) for kind in at)
    page.focus("#session")
    page.keyboard.press("+")
    for _ in range(3):
        page.keyboard.press("n")
        settled(page)
    expected = sorted(time for time in (*TRIALS, *STRIDES) if time > 5.0)[2]
    assert sum(view_of(page)) - view_of(page)[1] / 2 == pytest.approx(expected, abs=0.01)
    page.wait_for_timeout(400)
    assert "trials at 12.00 s, 5 of 10" in page.inner_text("#status")
    page.keyboard.press("Home")
    page.get_by_role("checkbox", name="trials", exact=True).uncheck()
    settled(page)
    assert not is_shaded(page, at["trials"] + 0.2, colours["trials"])
    assert is_shaded(page, at[HOSTILE_KIND] + 0.2, colours[HOSTILE_KIND])


BORDERS = "all => all.map(each => getComputedStyle(each).borderBottomColor)"


def is_shaded(page, time, colour):
    """Whether the lowest pixels at a time, behind movement, have the paper's colour mixed with this one."""
    start, span = view_of(page)
    picture = colours_in(page)
    column = picture[-60:-3, round((time - start) / span * picture.shape[1])]
    mixed = [255 + opacity * (int(each) - 255) for opacity in (0.14, 0.07) for each in re.findall(r"\d+", colour)[:3]]
    near = [(np.abs(column - mixed[first : first + 3]) <= 3).all(axis=1).mean() for first in (0, 3)]
    return max(near) > 0.5


def test_what_is_drawn_is_read_in_numbers_under_the_mouse_and_by_keyboard(open_page, tmp_path_factory):
    page = open_page()
    box = page.locator(".picture").bounding_box()
    page.mouse.move(box["x"] + 0.35 * box["width"], box["y"] + 40)
    page.wait_for_function("() => document.querySelector('.cursor').dataset.time.startsWith('3.5')")
    read = lambda: page.locator(".label").first.locator(".value b").all_inner_texts()  # noqa: E731
    assert len(read()) == 3  # EMG and two estimates
    ranges = [[float(number) for number in text.split(" to ")] for text in read()]
    lowpass, model = (np.mean(each) for each in ranges[1:])
    assert model == pytest.approx(1.2 * lowpass, rel=0.05)  # as it was made
    page.mouse.move(box["x"], box["y"] - 200)
    page.wait_for_function("() => document.querySelector('.cursor').hidden")
    assert read() == []
    page.focus("#session")
    page.keyboard.press("c")
    page.wait_for_function("() => document.querySelector('.cursor').dataset.time.startsWith('5.0')")
    for _ in range(5):
        page.keyboard.press(".")
    page.wait_for_function("() => parseFloat(document.querySelector('.cursor').dataset.time) > 5.2")
    page.wait_for_function("() => document.getElementById('readout').textContent.includes('LowPass')")
    assert HOSTILE in page.inner_text("#readout")
    assert page.locator("#readout img").count() == 0
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.getElementById('readout').hidden")


@pytest.mark.parametrize("dark", [False, True])
def test_what_is_read_fits_a_narrow_page(open_page, dark):
    page = open_page(400, dark)
    page.focus("#session")
    page.keyboard.press("c")
    page.wait_for_function("() => document.getElementById('readout').textContent.includes('LowPass')")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 400


def test_moments_worth_a_look_are_jumped_to_with_the_worst_first(open_page):
    page = open_page()
    page.click("#event-kind")
    page.get_by_text("where estimates disagree most").click()
    page.wait_for_function("() => document.getElementById('status').textContent.includes('moments found')")
    page.click("#event-after")
    page.wait_for_function("() => document.getElementById('status').textContent.includes('Moment 1 of')")
    assert "AutoLFADS and LowPass differ by" in page.inner_text("#status")


def test_muscles_estimates_and_layers_are_chosen(open_page):
    page = open_page()
    labels = lambda: [text.split(" ")[0] for text in page.locator(".label").all_inner_texts()]  # noqa: E731
    assert labels() == ["TA", "<img", "GM", "factors", "inferred", "spikes", "joint_angles"]
    page.get_by_role("checkbox", name="TA", exact=True).uncheck()
    page.get_by_role("checkbox", name="factors", exact=True).uncheck()
    page.get_by_role("checkbox", name="spikes", exact=True).uncheck()
    settled(page)
    assert labels() == ["<img", "GM", "inferred", "joint_angles"]
    page.get_by_role("checkbox", name="AutoLFADS", exact=True).uncheck()
    settled(page)
    assert labels() == ["<img", "GM", "joint_angles"]
    vermilion = (np.abs(colours_in(page)[:120] - [213, 94, 0]) < 30).all(axis=2)
    assert vermilion.sum() == 0


def test_it_is_dragged_and_zoomed_by_mouse(open_page):
    page = open_page()
    box = page.locator(".picture").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + 50
    page.keyboard.press("Home")
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - box["width"] / 4, middle[1], steps=5)
    page.mouse.up()
    settled(page)
    assert view_of(page)[0] == pytest.approx(2.5, abs=0.05)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    settled(page)
    assert view_of(page)[1] == pytest.approx(10 / np.e, rel=0.01)


def test_quality_is_judged_when_asked_for(open_page):
    page = open_page()
    page.click("summary:has-text('Quality')")
    page.click("#quality-judge")
    page.wait_for_selector("#quality-judged table", timeout=30_000)
    assert page.locator("#quality-judged tbody th").all_inner_texts() == list(MUSCLES)


def test_ctrl_c_ends_it_and_another_run_has_another_token(address, tmp_path):
    process, other = start(estimated_session(tmp_path))
    try:
        assert other.rsplit("/", 2)[1] != address.rsplit("/", 2)[1]
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0
    assert said.endswith("Ended.\n")
    assert errors == ""
