"""The page in a real browser: it renders, its filters work by mouse and keyboard, and no request leaves it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jsonschema", reason="the report needs constraints/report.txt: `nox -s check` has it")
from triton_matrix.report import cli, page

from .results import make_current

DATA = Path(__file__).parent / "data"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1280,1000",
]
NAMES = ["triton231", "triton300", "triton331", "triton3x"]
ACCEPTED = """
[[accepted]]
what = "spills"
reason = "looked at: gone in 3.6.0"
worst = { spill_stores = 812, spill_loads = 822 }
[accepted."liger_kernel.kernels.layer_norm:_layer_norm_backward_kernel"]
"3.3.1 -> 3.4.0 on cuda:90" = ["n_cols=8192,bf16,case=61"]
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A page of generated results against others of another day, with every section filled."""
    folder = tmp_path_factory.mktemp("page")
    for name, extra in (("before", ["--failing", "0", "--seed", "1"]), ("now", ["--failing", "9"])):
        size = ["--cells", "5", "--tests", "60", "--configurations", "480"]
        subprocess.run(
            [sys.executable, DATA / "generate.py", folder / name, *size, *extra, "--names", *NAMES], check=True
        )
    make_current(folder / "now")
    (folder / "accepted.toml").write_text(ACCEPTED)
    (folder / "now" / "triton3x" / "left-out.json").write_text("{}")
    arguments = ["--reports", folder / "now", "--against", folder / "before", "--accepted", folder / "accepted.toml"]
    assert cli.main(list(map(str, arguments))) == 1
    return folder / "now" / "index.html"


# --- what needs no browser


def test_the_page_is_one_file_that_names_no_other_host(written):
    text = written.read_text()
    for script in page.SCRIPTS:  # the libraries' comments and namespaces hold addresses; they are never asked
        text = text.replace((page.FOLDER / script).read_text(), "")
    assert re.findall(r"https?://[^\s\"'<]+", text) == []
    assert "default-src 'none'" in text
    assert re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(?!data:)", text) == []


def test_links_to_raw_files_lead_to_them(written):
    links = re.findall(r"<a href=\"([^\"#]+)\"", written.read_text())
    assert "triton231/junit-interpreter.xml" in links
    assert [link for link in links if not (written.parent / link).is_file()] == []


def test_what_changed_comes_first(written):
    text = written.read_text()
    order = [text.index(f'<section id="{name}"') for name in ("changes", "matrix", "failures", "atlas", "performance")]
    assert order == sorted(order)


def test_text_of_a_failure_cannot_become_markup(written, tmp_path):
    matrix = json.loads((written.parent / "matrix.json").read_text())
    matrix["failures"][0]["message"] = "</script><script>alert(1)</script>"
    matrix["codegen"]["entries"][0]["label"] = "</script><b>"
    text = page.render(matrix, tmp_path)
    assert "<script>alert(1)" not in text
    assert "</script><b>" not in text


def test_the_carried_scripts_are_the_released_ones():
    table = (page.FOLDER / "vendor" / "README.md").read_text()
    for script in sorted((page.FOLDER / "vendor").glob("*.js")):
        assert f"| {hashlib.sha256(script.read_bytes()).hexdigest()} |" in table, script.name


# --- in a browser

in_browser = pytest.mark.skipif(
    not (BROWSER and DRIVER and importlib.util.find_spec("selenium")),
    reason="needs a browser: apt-get install chromium chromium-driver, and pip install selenium",
)


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def opened(driver, written):
    """The page, freshly opened at 1280 pixels in light; ``logs`` holds what the browser logged since."""
    # from an empty page: else the browser's own first page loads beside ours
    driver.get("about:blank")
    resize(driver, 1280)
    dark(driver, False)
    for kind in ("browser", "performance"):
        driver.get_log(kind)
    driver.get(written.as_uri())
    assert becomes(driver, lambda: find(driver, '#heat tbody tr[aria-selected="false"] button'))  # its last table
    yield driver
    assert driver.get_log("browser") == []


def resize(driver, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def dark(driver, wanted):
    features = [{"name": "prefers-color-scheme", "value": "dark" if wanted else "light"}]
    features.append({"name": "prefers-reduced-motion", "value": "reduce"})  # or a click meets a page that still scrolls
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def find(driver, selector):
    from selenium.webdriver.common.by import By

    return driver.find_elements(By.CSS_SELECTOR, selector)


def shown(driver, selector):
    return [element for element in find(driver, selector) if element.is_displayed()]


def choose(driver, name, value):
    from selenium.webdriver.support.select import Select

    Select(find(driver, f"#{name}")[0]).select_by_value(value)


def becomes(driver, condition):
    """Wait for what the page shows: a chart may be drawn after the page has loaded."""
    from selenium.webdriver.support.wait import WebDriverWait

    return WebDriverWait(driver, 10, poll_frequency=0.05).until(lambda _: condition())


def press(driver, element, *keys):
    from selenium.webdriver.common.action_chains import ActionChains

    driver.execute_script("arguments[0].focus()", element)
    ActionChains(driver).send_keys(*keys).perform()


@in_browser
def test_it_renders_every_section_and_no_request_leaves_it(opened):
    assert len(shown(opened, ".cells tbody tr")) >= 5
    assert len(shown(opened, "#history svg")) == len(shown(opened, "#share .plot svg[aria-label]")) == 1
    assert shown(opened, "#heat td")
    messages = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    asked = [
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    ]
    assert asked
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


@in_browser
def test_cells_are_filtered_by_mouse(opened):
    rows = len(shown(opened, ".cells tbody tr"))
    (chip,) = find(opened, '.chip[data-value="unavailable"]')
    chip.click()
    assert chip.get_attribute("aria-pressed") == "false"
    assert [row.get_attribute("data-verdict") for row in shown(opened, ".cells tbody tr")].count("unavailable") == 0
    assert f"of {rows} cells shown" in find(opened, "#shown")[0].text
    chip.click()
    assert len(shown(opened, ".cells tbody tr")) == rows


@in_browser
def test_cells_are_filtered_by_keyboard(opened):
    from selenium.webdriver.common.keys import Keys

    rows = len(shown(opened, ".cells tbody tr"))
    (chip,) = find(opened, '.chip[data-value="unavailable"]')
    press(opened, chip, Keys.SPACE)
    assert len(shown(opened, ".cells tbody tr")) < rows
    press(opened, chip, Keys.ENTER)
    assert len(shown(opened, ".cells tbody tr")) == rows
    press(opened, find(opened, "#find")[0], "triton300")
    assert [row.get_attribute("id") for row in shown(opened, ".cells tbody tr")] == ["cell-triton300"]


@in_browser
def test_every_control_is_reached_with_the_tab_key(opened):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    reached = set()
    for _ in range(400):
        ActionChains(opened).send_keys(Keys.TAB).perform()
        element = opened.switch_to.active_element
        reached.add(element.get_attribute("id") or element.get_attribute("data-value") or element.text)
    wanted = {
        "theme",
        "find",
        "regressed",
        "target",
        "metric",
        "kernel",
        "only-changed",
        "direction",
        "dtype",
        "bench-cell",
    }
    assert wanted - reached == set()


@in_browser
def test_failures_are_filtered_by_cause_from_the_matrix(opened):
    (link,) = find(opened, '#cell-triton300 a[data-cause="launch"]')
    link.click()
    causes = {panel.get_attribute("data-cause") for panel in shown(opened, ".failure")}
    assert causes == {"launch"}


@in_browser
def test_the_atlas_shows_one_target_and_metric_and_marks_changes(opened):
    choose(opened, "metric", "spill_stores")
    marked = find(opened, "#heat .mark.worse"), find(opened, "#heat .mark.accepted")
    assert all(marked)
    cell = opened.execute_script("return arguments[0].parentElement.title", marked[1][0])
    assert "since 3.3.1: spill_stores" in cell
    assert "accepted: looked at: gone in 3.6.0" in cell
    choose(opened, "target", "hip:gfx950")
    assert "n/a" in {cell.text for cell in find(opened, "#heat td.na")}
    choose(opened, "metric", "vgprs")
    assert "vgprs over releases" in find(opened, "#history figcaption")[0].text


@in_browser
def test_a_configuration_is_followed_over_the_releases_by_keyboard(opened):
    from selenium.webdriver.common.keys import Keys

    button = find(opened, '#heat tbody tr[aria-selected="false"] button')[0]
    label = button.text
    press(opened, button, Keys.ENTER)
    assert find(opened, '#heat tr[aria-selected="true"] button')[0].text == label
    assert find(opened, "#history figcaption")[0].text.endswith(label)
    values = [text.text for text in find(opened, '#history svg g[aria-label="text"] text')]
    assert len(values) == 11


@in_browser
def test_a_codegen_change_leads_to_its_row(opened):
    opened.execute_script("document.querySelector('.jump').closest('details').open = true")
    jump = find(opened, ".jump")[-1]
    opened.execute_script("arguments[0].click()", jump)
    (row,) = find(opened, '#heat tr[aria-selected="true"]')
    assert row.get_attribute("data-entry") == jump.get_attribute("data-entry")


@in_browser
def test_performance_is_shown_per_cell_and_per_peer(opened):
    def series():
        table = find(opened, "#share-table thead th")
        return [cell.get_attribute("textContent") for cell in table][1:]

    assert becomes(opened, lambda: set(series()) == {*NAMES, "cell04"})
    choose(opened, "bench-cell", "triton3x")
    assert becomes(opened, lambda: set(series()) == {"ours", "torch", "torch.compile", "liger", "quack"})
    choose(opened, "direction", "backward")
    assert becomes(opened, lambda: len(find(opened, '#share .plot g[aria-label="line"] path')) == 5)


@in_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_cut_off(width, opened):
    resize(opened, width)
    opened.refresh()
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width
    charts = find(opened, "figure .plot svg")
    assert all(chart.rect["x"] + chart.rect["width"] <= width for chart in charts)


@in_browser
def test_light_and_dark_follow_the_system_and_the_button(opened):
    def background():
        return opened.execute_script("return getComputedStyle(document.body).backgroundColor")

    light = background()
    dark(opened, True)
    assert background() != light
    find(opened, "#theme")[0].click()
    assert background() == light


@in_browser
def test_texts_are_legible_in_light_and_dark(opened):
    # WCAG's contrast of text on the page's own backgrounds: at least 4.5 to 1
    script = """
    const luminance = (name) => {
      const probe = document.body.appendChild(document.createElement('i'));
      probe.style.color = `var(${name})`;
      const rgb = getComputedStyle(probe).color.match(/\\d+/g).slice(0, 3);
      probe.remove();
      const [r, g, b] = rgb.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const poor = [];
    for (const ground of ['--bg', '--panel', '--soft'])
      for (const ink of ['--ink', '--muted', '--accent', '--pass', '--fail', '--regressed', '--stale']) {
        const [low, high] = [luminance(ground), luminance(ink)].sort((a, b) => a - b);
        if ((high + 0.05) / (low + 0.05) < 4.5) poor.push(`${ink} on ${ground}`);
      }
    return poor;"""
    for wanted in (False, True):
        dark(opened, wanted)
        assert opened.execute_script(script) == []
