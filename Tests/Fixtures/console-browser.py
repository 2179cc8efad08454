#!/usr/bin/env python3
"""The console in a real Chromium: prints a line for each thing that it saw, and ends with 1 at the first it did not.

    console-browser.py ADDRESS TOKEN-FILE INGEST-PID [PICTURES]

A draw "default" must be open, with agencies that send and one that does not finish. It closes the draw by clicks, and at
the end kills bet-ingest with -9. With a folder for PICTURES it saves what it saw there.
"""
import os
import signal
import sys
import time

from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

address, token_file, ingest = sys.argv[1], sys.argv[2], int(sys.argv[3])
pictures = sys.argv[4] if len(sys.argv) > 4 else None


def browser(has_scripts=True):
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    if not has_scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    driver.set_window_size(1440, 1000)
    return driver


def saw(text):
    print(text, flush=True)


def wait(what, condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"{what}: not within {seconds} s\n{page.find_element(By.TAG_NAME, 'body').text}")
        time.sleep(0.05)
    saw(what)


def text(selector):
    return page.find_element(By.CSS_SELECTOR, selector).text


def click(link):
    """Clicks a link; the driver may find one that is replaced before it clicks."""
    for _ in range(20):
        try:
            return page.find_element(By.LINK_TEXT, link).click()
        except StaleElementReferenceException:
            pass
    sys.exit(f"{link} is replaced all the time")


def scheme(name):
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": name}]})


def picture(name, width=1440):
    if not pictures:
        return
    height = page.execute_script("return document.documentElement.scrollHeight")
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                         {"width": width, "height": min(height, 3000), "deviceScaleFactor": 1, "mobile": False})
    page.save_screenshot(f"{pictures}/{name}.png")
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def check_access(name):
    """axe finds no violation in either colour scheme."""
    for colours in ("light", "dark"):
        scheme(colours)
        for violation in Axe().run(page)["violations"]:
            places = ", ".join(node["html"] for node in violation["nodes"][:3])
            sys.exit(f"axe, {name}, {colours}: {violation['id']}: {violation['help']}: {places}")
    scheme("light")
    saw(f"axe: {name}")


page = browser()
try:
    page.get(address)
    wait("live", lambda: "live" in text("#live"))

    bets = lambda: int(page.execute_script(
        "return document.querySelector('#draws tbody tr td:nth-of-type(5)').textContent").replace(",", ""))
    before = bets()
    wait("counts move without a reload", lambda: bets() > before)
    check_access("the page during a draw")
    picture("during")

    for width in (320, 768):
        page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                             {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": True})
        time.sleep(0.2)
        if page.execute_script("return document.documentElement.scrollWidth") > width:
            sys.exit(f"at {width} px the page is wider than its window")
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        saw(f"readable at {width} px")

    held = ActionChains(page).click_and_hold(page.find_element(By.ID, "draws-title"))
    held.perform()
    time.sleep(0.2)
    frozen = bets()
    time.sleep(1.5)
    if bets() != frozen:
        sys.exit("a part is replaced under a pressed pointer")
    ActionChains(page).release().perform()
    wait("parts wait for the release of the pointer", lambda: bets() > frozen)

    page.find_element(By.ID, "pause").click()
    frozen = bets()
    time.sleep(1.5)
    if bets() != frozen or "paused" not in text("#live"):
        sys.exit("Pause does not pause")
    page.find_element(By.ID, "pause").click()
    wait("pause and continue", lambda: "live" in text("#live"))

    # Closing: by clicks, from the page, with what the confirmation asks for.
    click("default")
    check_access("the page of a draw")
    click("Close the draw")
    if "have sent nothing" not in text("main"):
        sys.exit("the confirmation states no counts")
    check_access("the confirmation")
    picture("close")
    page.find_element(By.NAME, "name").send_keys("default")
    page.find_element(By.NAME, "token").send_keys(open(token_file).read().strip())
    # The agencies may have moved since the page was shown; then it is shown again.
    for _ in range(20):
        page.find_element(By.CSS_SELECTOR, "button.commit").click()
        if "takes no more bets" in text("main"):
            break
        page.find_element(By.NAME, "name").send_keys("default")
        page.find_element(By.NAME, "token").send_keys(open(token_file).read().strip())
    wait("the draw closes by a click and its confirmation", lambda: "takes no more bets" in text("main"))

    for path, name in (("/agencies/1", "an agency"), ("/open", "opening a draw"), ("/draws/nowhere", "an unknown draw")):
        page.get(address + path)
        check_access(name)
    page.get(address)
    wait("the result appears", lambda: "7574" in text("#result"))
    check_access("the page after a draw")
    picture("after")

    plain = browser(has_scripts=False)
    try:
        plain.get(address)
        words = plain.find_element(By.TAG_NAME, "body").text
        for word in ("default", "published", "7574", "As of", "does not change by itself", "Agencies of default", "Bets stored a second"):
            if word not in words:
                sys.exit(f"without JavaScript there is no \"{word}\": {words}")
        saw("complete without JavaScript")
    finally:
        plain.quit()

    os.kill(ingest, signal.SIGKILL)
    wait("stale within 5 s of kill -9", lambda: "no data since" in text("#live"), seconds=5)
    if "is-stale" not in page.find_element(By.TAG_NAME, "html").get_attribute("class"):
        sys.exit("the page does not look stale")
    check_access("the stale page")
    picture("stale")
finally:
    page.quit()
saw("done")
