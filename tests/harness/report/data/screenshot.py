"""Take the picture of the page that README.md shows: Debian's chromium and chromium-driver, and selenium.

python screenshot.py reports/index.html docs/report.png [--section atlas] [--width 1280] [--height 1000] [--dark]
"""

from __future__ import annotations

import argparse
import base64
import shutil
import tempfile
from pathlib import Path

from selenium import webdriver

FLAGS = "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking --hide-scrollbars"


def main() -> None:
    """Open the page and write what a window of that size shows, from the section's top on."""
    parser = argparse.ArgumentParser()
    parser.add_argument("page", type=Path)
    parser.add_argument("png", type=Path)
    parser.add_argument("--section", help="id of the section to begin with (default: the top of the page)")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=1000)
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as profile:
        chrome = webdriver.ChromeOptions()
        chrome.binary_location = shutil.which("chromium") or ""
        for flag in (*FLAGS.split(), f"--user-data-dir={profile}"):
            chrome.add_argument(flag)
        service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
        driver = webdriver.Chrome(options=chrome, service=service)
        try:
            size = {
                "width": options.width,
                "height": options.height,
                "deviceScaleFactor": 1,
                "mobile": options.width < 500,
            }
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            scheme = {"name": "prefers-color-scheme", "value": "dark" if options.dark else "light"}
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
            driver.get(options.page.resolve().as_uri())
            top = 0
            if options.section:
                top = driver.execute_script(f"return document.getElementById({options.section!r}).offsetTop")
            clip = {"x": 0, "y": top, "width": options.width, "height": options.height, "scale": 1}
            shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
            options.png.write_bytes(base64.b64decode(shot["data"]))
        finally:
            driver.quit()


if __name__ == "__main__":
    main()
