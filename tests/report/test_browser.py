"""The report page in a real browser: no errors, pictures that are drawn, names that stay text, and zoom that moves."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from report_examples import made_up_emg, made_up_estimate

from nwb_autolfads.report.page import render_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: the page is not opened in one")

HOSTILE = "<script>alert(1)</script>"
PROBE = """<script>
document.getElementById("zoom-in").click();
const pictures = Array.from(document.images, (image) => [image.naturalWidth, image.naturalHeight]);
const heights = Array.from(document.querySelectorAll("#zoom path"), (path) => path.getBBox().height);
const view = document.querySelector("#zoom svg").getAttribute("viewBox").split(" ").map(Number);
const said = document.createElement("pre");
said.id = "probe";
said.textContent = JSON.stringify({ pictures, heights, view });
document.body.append(said);
</script></body>"""


def open_page(html, folder):
    """Return the page's text after its scripts ran, and what the browser wrote on its console."""
    page = folder / "page.html"
    page.write_text(html, encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    command += ["--enable-logging=stderr", "--v=0", "--virtual-time-budget=3000", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if "</html>" not in done.stdout:
        pytest.skip(f"the browser does not run here: {done.stderr[-300:]}")
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="module")
def html():
    emg, _ = made_up_emg(("TA", HOSTILE, "GM"))
    factors = np.random.default_rng(0).normal(size=(emg.sizes["time"], 2))
    model = made_up_estimate(emg).assign(factors=(("time", "factor"), factors))
    return render_report(
        {"LowPass": made_up_estimate(emg, "LowPass", history=False), "AutoLFADS": model}, title="walk.nwb", emg=emg
    )


def test_the_page_opens_without_errors_and_with_its_headings(html, tmp_path):
    dom, console = open_page(html, tmp_path)
    assert console == []
    headings = re.findall(r"<h[123][^>]*>([^<]+)</h[123]>", dom)
    for heading in (
        "Can it be trusted?",
        "Quality of each muscle",
        "Around events",
        "Factors of AutoLFADS",
        "How to cite",
    ):
        assert heading in headings
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in dom
    assert HOSTILE not in dom


def test_pictures_have_pixels_and_zoom_halves_the_stretch(html, tmp_path):
    opened = re.sub(r"script-src '[^']+'", "script-src 'unsafe-inline'", html).replace("</body>", PROBE)
    dom, console = open_page(opened, tmp_path)
    assert console == []
    found = json.loads(re.search(r'<pre id="probe">(.*?)</pre>', dom).group(1))
    assert len(found["pictures"]) == html.count("<img ") >= 4
    assert all(width > 500 and height > 100 for width, height in found["pictures"])
    assert all(height > 100 for height in found["heights"])
    bins = int(re.search(r'data-bins="(\d+)"', dom).group(1))
    assert found["view"][2] == pytest.approx((bins - 1) / 2)


def test_a_script_that_is_not_the_pages_own_is_refused(html, tmp_path):
    dom, console = open_page(html.replace("</body>", "<script>document.title = 'taken over'</script></body>"), tmp_path)
    assert "<title>walk.nwb" in dom
    assert any("Content Security Policy" in line for line in console)
