"""The built site in a browser, as a reader has it: on a desktop and a phone, light and dark."""

import contextlib
import functools
import http.server
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
from urllib.parse import urlsplit

import pytest

pytestmark = [pytest.mark.long, pytest.mark.backend_free("torch")]
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
ROOT = pathlib.Path(__file__).parent.parent
SITE = ROOT / "output" / "site"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
# Nothing that the browser would do on its own account may reach for the network.
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 120_000  # milliseconds, for a machine that is busy with other tests
SCREENS = {"desktop": (1280, 900), "phone": (390, 844)}
SCHEMES = {"light": (255, 255, 255), "dark": (19, 20, 22)}
PAGES = {
    "front": "index.html",
    "wrapper": "pages/wrappers/lookahead.html",
    "gallery": "gallery.html",
    "architecture": "architecture.html",
    "catalogue": "catalogue.html",
    "reference": "reference/stepwrap.html",
}

needs_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def address():
    """A server of the site at a free port of this machine; what is not there is built."""
    if not (SITE / "index.html").exists():
        subprocess.run([sys.executable, "docs/build_site.py"], cwd=ROOT, check=True)
    handler = functools.partial(QuietHandler, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def open_browser(tmp_path_factory):
    """Opens Chromium with a profile of its own, of a screen and a colour scheme."""
    with playwright.sync_playwright() as player, contextlib.ExitStack() as opened:

        @functools.cache
        def open_it(screen, scheme):
            width, height = SCREENS[screen]
            context = player.chromium.launch_persistent_context(
                tmp_path_factory.mktemp("profile"),
                executable_path=CHROMIUM,
                timeout=PATIENCE,
                args=OPTIONS,
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                permissions=["clipboard-read", "clipboard-write"],
            )
            context.set_default_timeout(PATIENCE)
            return opened.enter_context(context)

        try:
            open_it("desktop", "light")
        except playwright.Error as error:
            pytest.skip(f"Chromium does not start here: {error.message.splitlines()[0]}")
        yield open_it


@pytest.fixture
def visit(open_browser, address):
    """Opens a page, and fails if the browser complained or asked another machine for anything."""
    complaints = []

    def go(page, screen="desktop", scheme="light"):
        tab = open_browser(screen, scheme).new_page()
        tabs.append(tab)
        tab.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
        tab.on("request", lambda request: requested.append(request.url))
        tab.goto(f"{address}/{page}", wait_until="networkidle")
        return tab

    tabs, requested = [], []
    yield go
    for tab in tabs:
        tab.close()
    assert not complaints
    hosts = {urlsplit(url).netloc for url in requested if not url.startswith("data:")}
    assert hosts == {urlsplit(address).netloc}


def photograph(tab, name):
    """Keeps a picture of the whole page where SCREENSHOTS names a folder."""
    if folder := os.environ.get("SCREENSHOTS"):
        tab.screenshot(path=pathlib.Path(folder) / f"{name}.png", full_page=True)


@needs_a_browser
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_shown_whole(visit, page, screen, scheme):
    tab = visit(PAGES[page], screen, scheme)
    pictures = tab.evaluate(
        "[...document.querySelectorAll('article img')].map(i => [i.src, i.naturalWidth, i.alt])"
    )
    assert all(width > 0 for _, width, _ in pictures)
    assert pictures or page == "reference"
    assert tab.evaluate("document.documentElement.scrollWidth") <= SCREENS[screen][0]
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert tuple(map(int, re.findall(r"\d+", ground)))[:3] == SCHEMES[scheme]
    assert tab.locator("h1").inner_text().strip("#¶ ")
    photograph(tab, f"{page}-{screen}-{scheme}")


@needs_a_browser
def test_the_drawing_of_a_step_is_hardly_smaller_on_a_phone(visit):
    tab = visit(PAGES["architecture"], "phone")
    drawing = tab.locator("article img[src$='way_of_a_gradient.svg']")
    shown, drawn = drawing.bounding_box()["width"], drawing.evaluate("i => i.naturalWidth")
    assert shown > 0.75 * drawn, "its text of 10 points would be too small to read"


@needs_a_browser
@pytest.mark.parametrize("screen", SCREENS)
def test_formulas_are_typeset(visit, screen):
    tab = visit(PAGES["wrapper"], screen)
    tab.wait_for_selector("section#formula mjx-container mjx-math")
    assert tab.locator("mjx-merror").count() == 0
    box = tab.locator("section#formula mjx-container").first.bounding_box()
    assert box["width"] > 50 and box["height"] > 15
    assert tab.evaluate("document.fonts.check('16px MJXTEX')")


@needs_a_browser
@pytest.mark.parametrize("screen", SCREENS)
def test_search_finds_lookahead(visit, screen):
    tab = visit("search.html?q=lookahead", screen)
    tab.wait_for_selector("#search-results li a")
    found = tab.evaluate("[...document.querySelectorAll('#search-results li a')].map(a => a.href)")
    assert any("pages/wrappers/lookahead.html" in address for address in found[:5]), found
    photograph(tab, f"search-{screen}")


@needs_a_browser
def test_the_search_field_leads_to_the_search(visit):
    tab = visit("index.html")
    tab.locator(".sidebar-search").fill("lookahead")
    tab.locator(".sidebar-search").press("Enter")
    tab.wait_for_selector("#search-results li a")


@needs_a_browser
def test_a_copy_button_copies_the_code(visit):
    tab = visit(PAGES["wrapper"])
    block = tab.locator("section#example div.highlight").first
    block.hover()
    block.locator("button.copybtn").click()
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == block.locator("pre").inner_text().strip()
    assert "import stepwrap" in copied


@needs_a_browser
def test_the_navigation_of_a_phone_opens(visit):
    tab = visit("index.html", "phone")
    link = tab.get_by_role("link", name="Getting started").first
    assert not link.is_visible() or link.bounding_box()["x"] < 0
    tab.locator(".mobile-header label[for=__navigation]").click()
    drawer = "document.querySelector('.sidebar-drawer').getBoundingClientRect()"
    tab.wait_for_function(f"{drawer}.x >= 0")
    photograph(tab, "navigation-phone")


def shown_in_gallery(tab):
    """Return the texts of the rows and of the experiments below them that can be seen."""
    rows = tab.locator("section#gallery table").first.locator("tbody tr")
    experiments = tab.locator("section#gallery > section p:has(> a[href*='reproductions/'])")
    return [
        [one.inner_text().lower() for one in found.all() if one.is_visible()]
        for found in (rows, experiments)
    ]


@needs_a_browser
def test_the_gallery_is_filtered_by_what_is_typed(visit):
    tab = visit(PAGES["gallery"])
    everything = shown_in_gallery(tab)
    tab.get_by_label("Show only what has").fill("mnist")
    some = shown_in_gallery(tab)
    for found, all_of_them in zip(some, everything, strict=True):
        assert 0 < len(found) < len(all_of_them)
    assert all("mnist" in text for text in some[0])
    assert not tab.locator("section#what-a-learning-rate-does").is_visible()
    photograph(tab, "gallery-filtered")
    tab.get_by_label("Show only what has").fill("")
    assert shown_in_gallery(tab) == everything


@needs_a_browser
def test_the_gallery_has_a_button_for_each_topic_and_task(visit):
    tab = visit(PAGES["gallery"], "phone")
    everything = shown_in_gallery(tab)
    pictures = tab.locator("section#gallery > section img")
    buttons = tab.locator("div.filter button").all()
    assert len(buttons) > 8
    for button in buttons:
        button.click()
        rows, experiments = shown_in_gallery(tab)
        seen = [picture for picture in pictures.all() if picture.is_visible()]
        assert rows or seen, button.inner_text()
        assert len(rows) + len(experiments) < sum(map(len, everything)), button.inner_text()
    buttons[-1].click()  # again, which shows everything
    assert shown_in_gallery(tab) == everything
    photograph(tab, "gallery-buttons-phone")


@needs_a_browser
def test_every_page_loads_and_fits_a_phone(visit, address):
    tab = visit("index.html", "phone")
    for path in sorted(SITE.rglob("*.html")):
        if "_modules" not in path.parts:
            answer = tab.goto(f"{address}/{path.relative_to(SITE).as_posix()}")
            assert answer.ok, path
            tab.evaluate("window.MathJax && MathJax.startup.promise.then(() => null)")
            assert tab.locator("mjx-merror").count() == 0, path
            width = tab.evaluate("document.documentElement.scrollWidth")
            assert width <= SCREENS["phone"][0], path
