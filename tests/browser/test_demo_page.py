"""The explorers' page as a class sees it: Voila, Chromium, a mouse and a presenter's remote."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.axe import grave_faults
from tests.browser.conftest import ARTIFACTS, chromium
from tests.browser.keep import keep
from tests.one_machine import OneMachine

pytestmark = pytest.mark.browser

ROOMS = ("Temperature", "Draw", "Prune", "Quantise", "Race")
GROUNDS = {"light": (255, 255, 255), "dark": (20, 23, 26)}
# Whether the first pixel of every picture of a room has a colour.
CORNER = """([place, ground]) => {
    const room = `.kdtutor-room-${place}`;
    return [...document.querySelectorAll(`${room} .pictures img, ${room} .verdict img`)].every(image => {
        const pen = document.createElement("canvas").getContext("2d");
        pen.drawImage(image, 0, 0);
        return ground.every((value, channel) => pen.getImageData(0, 0, 1, 1).data[channel] === value);
    });
}"""
# What could be scrolled sideways: the page itself, or a box in it.
WIDER = """() => [...document.querySelectorAll("*")].filter(box => box.scrollWidth > box.clientWidth + 1
    && (box === document.documentElement || ["auto", "scroll"].includes(getComputedStyle(box).overflowX))
    && box.clientWidth > 0).map(box => `${box.tagName} ${box.className} ${box.scrollWidth} > ${box.clientWidth}`)"""
PHONE, PROJECTOR = {"width": 390, "height": 844}, {"width": 1280, "height": 800}


@dataclass
class Shown:
    """The page in a browser, and all that it asked for and complained of."""

    page: Page
    address: str
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    place: int = 0  # of the room on stage

    @property
    def room(self) -> Locator:
        """The panel on stage, once it is there."""
        return self.page.locator(f".kdtutor-room-{self.place} .kdtutor-explorer:visible")

    def enter(self, room: str) -> None:
        self.page.get_by_role("navigation").get_by_role("button", name=room, exact=True).click()
        self.wait_for(room)

    def wait_for(self, room: str) -> None:
        self.place = ROOMS.index(room)
        expect(self.current).to_have_text(room)
        expect(self.room).to_have_count(1, timeout=20_000)
        expect(self.page.locator(".kdtutor-explorer:visible")).to_have_count(1)

    @property
    def current(self) -> Locator:
        return self.page.locator(".kdtutor-bar [aria-current]")

    def commit(self, answer: str) -> None:
        """Answer the question of the room on stage, if it still asks."""
        asking = self.room.locator("textarea:visible")
        if asking.count():
            asking.fill(answer)
            self.room.get_by_role("button", name="Commit").click()
        expect(self.room.locator(".pictures img").first).to_be_visible(timeout=20_000)

    def picture(self, name: str) -> Image.Image:
        keep(self.page, f"demo_{name}")
        return Image.open(ARTIFACTS / f"demo_{name}.png").convert("RGB")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, explorers_cache: Path) -> Iterator[str]:
    """`kdtutor demo`, as an instructor starts it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("demo") / "voila.log"
    address = f"http://localhost:{port}"
    command = [sys.executable, "-m", "kdtutor", "demo", "--no-browser", f"--port={port}"]
    environment = os.environ | {"KDTUTOR_CACHE": str(explorers_cache)}
    with log.open("w") as written:
        voila = subprocess.Popen(command, cwd=log.parent, env=environment, stdout=written, stderr=written)
        try:
            deadline = time.monotonic() + 60
            while not _answers(f"{address}/voila/static/require.min.js"):
                if voila.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"kdtutor demo does not answer: {log.read_text()[-2000:]}")
                time.sleep(0.2)
            yield address
        finally:
            voila.terminate()
            voila.wait(timeout=30)


@pytest.fixture(scope="module")
def shown(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """One page for the whole module: each test finds what the one before left, as a lesson does."""
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        page.emulate_media(color_scheme="light")
        shown = Shown(page, server)
        page.on("request", lambda request: shown.asked.append(request.url))
        page.on("pageerror", lambda error: shown.errors.append(str(error)))
        page.on("console", lambda said: shown.errors.append(said.text) if said.type == "error" else None)
        page.goto(server)
        expect(shown.room).to_have_count(1, timeout=120_000)
        yield shown


def test_a_slider_changes_the_numbers_once_a_prediction_is_committed(shown: Shown) -> None:
    expect(shown.current).to_have_text("Temperature")
    expect(shown.room.locator(".pictures img")).to_have_count(0)
    shown.commit("10\n4\n30")
    expect(shown.room.get_by_role("status").locator("img")).to_have_attribute("alt", re.compile("3 predictions"))
    sentence = shown.room.locator(".sentence")
    before, picture = sentence.inner_text(), shown.room.locator(".pictures img").first.get_attribute("src")
    slider = shown.room.get_by_role("slider").first
    slider.focus()
    for _ in range(3):
        shown.page.keyboard.press("ArrowRight")
    temperature = slider.get_attribute("aria-valuetext")
    expect(sentence).to_contain_text(f"At T = {temperature} the teacher")
    expect(sentence).not_to_have_text(before)
    expect(shown.room.locator(".pictures img").first).not_to_have_attribute("src", picture or "")
    expect(shown.current).to_have_text("Temperature")
    shown.picture("prediction_and_slider")


def test_a_glyph_drawn_with_the_mouse_is_read_by_all_five(shown: Shown) -> None:
    shown.enter("Draw")
    expect(shown.room.locator(".sentence")).to_contain_text("Test picture of O: all five say O")
    draw_t(shown.page)
    expect(shown.room.locator(".sentence")).to_contain_text("Your drawing: ", timeout=5000)
    alt = shown.room.locator(".pictures img").first
    expect(alt).to_have_attribute("alt", re.compile(r"teacher: T \d+\.\d%.*from labels: T .*distilled: T .*int8: T "))
    shown.picture("glyph_drawn")
    shown.page.get_by_role("button", name="Clear").click()
    expect(shown.room.locator(".sentence")).to_contain_text("The paper is empty")


def test_a_test_picture_can_be_had_by_keyboard(shown: Shown) -> None:
    shown.enter("Draw")
    shown.page.get_by_role("button", name="Show a test picture").focus()
    shown.page.keyboard.press("Enter")
    expect(shown.room.locator(".sentence")).to_contain_text("Test picture of")


def test_answers_follow_the_pen_while_it_is_down(shown: Shown, machine: OneMachine) -> None:
    """Seen from the browser, which shares two cores with the server; tests of the functions hold the 0.15 s."""
    shown.enter("Draw")
    shown.page.get_by_role("button", name="Clear").click()
    expect(shown.room.locator(".sentence")).to_contain_text("The paper is empty")
    box = paper(shown.page)
    shown.page.mouse.move(box["x"] + 160, box["y"] + 50)
    for company in (nullcontext, machine.alone):  # beside another test, which is harder; else alone
        with company():
            began = time.perf_counter()
            shown.page.mouse.down()
            shown.page.mouse.move(box["x"] + 160, box["y"] + 270)
            expect(shown.room.locator(".sentence")).to_contain_text("Your drawing: ")
            taken = time.perf_counter() - began
        shown.page.mouse.up()
        if taken < 1.5:
            break
        shown.page.get_by_role("button", name="Clear").click()
        expect(shown.room.locator(".sentence")).to_contain_text("The paper is empty")
        shown.page.mouse.move(box["x"] + 160, box["y"] + 50)
    assert taken < 1.5


def test_a_presenter_s_remote_and_arrow_keys_step_through_the_rooms(shown: Shown) -> None:
    shown.enter("Temperature")
    shown.page.locator("body").click(position={"x": 2, "y": 700})
    for room in ROOMS[1:]:
        shown.page.keyboard.press("PageDown")
        shown.wait_for(room)
    shown.page.keyboard.press("PageDown")
    shown.wait_for("Race")
    shown.page.keyboard.press("ArrowLeft")
    shown.wait_for("Quantise")
    shown.page.keyboard.press("PageUp")
    shown.wait_for("Prune")


def test_a_race_is_run_and_stopped(shown: Shown) -> None:
    shown.enter("Race")
    shown.commit("2")
    before = shown.room.locator(".pictures img").first.get_attribute("src")
    shown.room.get_by_role("button", name="Start the race").click()
    expect(shown.room.locator(".sentence")).to_contain_text("After 2 of 12 epochs", timeout=20_000)
    expect(shown.room.locator(".pictures img").first).not_to_have_attribute("src", before or "")
    shown.picture("race_running")
    shown.room.get_by_role("button", name="Stop").click()
    expect(shown.room.get_by_role("button", name="Start the race")).to_be_visible(timeout=5000)
    expect(shown.room.locator(".sentence")).not_to_contain_text("On test pictures")


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_fits_has_no_serious_fault_and_is_light_or_dark(shown: Shown, room: str) -> None:
    page = shown.page
    page.set_viewport_size(PROJECTOR)
    shown.enter(room)
    shown.commit("3")
    if page.evaluate("document.documentElement.dataset.kdtutorTheme") == "dark":
        page.get_by_role("button", name="Light", exact=True).click()
    for scheme in ("light", "dark"):
        if scheme == "dark":
            shown.current.focus()
            page.keyboard.press("d")
        expect(shown.room).to_have_css("background-color", f"rgb{GROUNDS[scheme]}")
        # The pictures follow, drawn anew for this ground.
        page.wait_for_function(CORNER, arg=[shown.place, [*GROUNDS[scheme]]])
        assert grave_faults(page) == []
        for name, size in (("1280", PROJECTOR), ("390", PHONE)):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            assert page.evaluate(WIDER) == []
            seen = shown.picture(f"{room.lower()}_{scheme}_{name}")
            corners = [(1, seen.height - 2), (seen.width - 2, seen.height - 2), (seen.width - 2, seen.height // 3)]
            assert {seen.getpixel(corner) for corner in corners} == {GROUNDS[scheme]}
        page.set_viewport_size(PROJECTOR)


def test_the_system_s_wish_for_dark_is_followed(shown: Shown) -> None:
    shown.page.emulate_media(color_scheme="dark")
    expect(shown.page.locator("body")).to_have_css("background-color", f"rgb{GROUNDS['dark']}")
    shown.page.emulate_media(color_scheme="light")
    expect(shown.page.locator("body")).to_have_css("background-color", f"rgb{GROUNDS['light']}")


def test_nothing_was_asked_of_another_host_and_nothing_went_wrong(shown: Shown) -> None:
    hosts = {urlsplit(url).netloc for url in shown.asked if urlsplit(url).scheme not in ("data", "blob")}
    assert hosts == {urlsplit(shown.address).netloc}
    assert shown.errors == []


def draw_t(page: Page) -> None:
    box = paper(page)
    for start, end in (((60, 60), (260, 60)), ((160, 60), (160, 270))):
        page.mouse.move(box["x"] + start[0], box["y"] + start[1])
        page.mouse.down()
        page.mouse.move(box["x"] + end[0], box["y"] + end[1], steps=8)
        page.mouse.up()


def paper(page: Page) -> Any:
    box = page.locator(".kdtutor-canvas canvas").bounding_box()
    assert box is not None
    return box


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False
