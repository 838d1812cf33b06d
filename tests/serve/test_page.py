"""The chat page in a real browser: ask, click a citation, see the passage; nothing from a document is executed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from whelm.core.types import NOT_SUPPORTED

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
PAGE = Path(__file__).parents[2] / "src" / "whelm" / "serve" / "page"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
PATIENCE_MS = 120_000.0  # a busy machine is no failure
QUESTION = "What does a bicycle cost in August?"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs Chromium, and there is none on this machine (apt install chromium)")
    sync_api.expect.set_options(timeout=PATIENCE_MS)
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=ARGUMENTS, timeout=PATIENCE_MS)
        yield found
        found.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    found = context.new_page()
    found.complaints = []
    found.on("console", lambda message: message.type == "error" and found.complaints.append(message.text))
    found.on("pageerror", lambda error: found.complaints.append(str(error)))
    found.on("request", lambda request: request.url.startswith(address) or found.complaints.append(request.url))
    found.goto(address + "/")
    sync_api.expect(found).to_have_title("island · whelm")
    yield found
    context.close()


def ask(page: Any, question: str) -> Any:
    count = page.locator(".turn").count()
    page.fill("#question", question)
    page.keyboard.press("Enter")
    turn = page.locator(".turn").nth(count)
    turn.locator(".facts, .failure").wait_for()
    return turn


def test_a_citation_opens_its_passage(page: Any, assistant) -> None:
    turn = ask(page, QUESTION)
    sync_api.expect(turn.locator(".answer")).to_contain_text("A bicycle costs 4.50 euros in August.")
    sync_api.expect(turn.locator(".facts")).to_have_text(re.compile(r"quoted · 0\.01 s"))
    sync_api.expect(turn.locator(".sources .title")).to_have_text("Ferry")
    turn.locator(".cite").click()
    mark = page.locator("#panel mark")
    # the emoji before it takes two units in JavaScript and one character in Python
    sync_api.expect(mark).to_have_text("A bicycle costs 4.50 euros in August. Cargo bikes cost 9 euros.")
    sync_api.expect(mark).to_be_in_viewport()
    sync_api.expect(page.locator("#panel-title")).to_have_text("Ferry")
    assert page.locator("#panel-text").inner_text() == assistant.documents["trips/ferry & bus.md"].text
    colours = mark.evaluate(
        "node => [getComputedStyle(node).backgroundColor, getComputedStyle(node.parentNode).backgroundColor]"
    )
    assert colours[0] != colours[1]
    assert turn.locator(".cite").get_attribute("aria-expanded") == "true"
    page.keyboard.press("Escape")
    sync_api.expect(page.locator("#panel")).to_be_hidden()
    sync_api.expect(turn.locator(".cite")).to_be_focused()
    assert page.complaints == []


def test_everything_by_keyboard(page: Any) -> None:
    page.keyboard.type(QUESTION)  # the question has the focus from the start
    page.keyboard.press("Enter")
    page.locator(".facts").wait_for()
    page.locator("body").press("Shift+Tab")
    page.locator(".sources button").press("Enter")
    sync_api.expect(page.locator("#panel mark")).to_be_in_viewport()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    sync_api.expect(page.locator("#question")).to_be_focused()
    sync_api.expect(page.locator("#question")).to_have_value("")


def test_a_refusal_shows_what_comes_nearest(page: Any) -> None:
    turn = ask(page, "Which costs does the king pay?")
    sync_api.expect(turn.locator(".refusal")).to_have_text(NOT_SUPPORTED)
    sync_api.expect(turn.locator(".facts")).to_have_text("not answered · 0.01 s")
    assert turn.locator(".cite").count() == 0
    turn.locator(".sources button").first.click()
    sync_api.expect(page.locator("#panel mark")).to_contain_text("costs")
    assert page.complaints == []


def test_scripts_stay_text(page: Any) -> None:
    turn = ask(page, "What does parking cost in euros?")
    sync_api.expect(turn.locator(".sources .title")).to_contain_text("<script>document.title='harmed'</script>")
    turn.locator(".cite").click()
    sync_api.expect(page.locator("#panel mark")).to_have_text("Parking costs 3 euros a day.")
    sync_api.expect(page.locator("#panel-text")).to_contain_text("onerror=")
    ask(page, "<img src=x onerror=document.title='harmed'> parking costs")
    assert page.title() == "island · whelm"
    assert page.locator("#turns img, #turns script, #panel img, #panel script").count() == 0
    assert page.complaints == []


def test_the_policy_stops_what_would_get_through(page: Any) -> None:
    refused = page.evaluate("""() => {
        try { document.getElementById("turns").innerHTML = "<b>x</b>"; return "";
        } catch (error) { return error.name; } }""")
    assert refused == "TypeError"
    page.evaluate("""() => { const s = document.createElement("style"); s.textContent = "body{display:none}";
        document.body.append(s); }""")
    assert page.locator("body").is_visible()


def test_a_conversation_goes_on_and_begins_anew(page: Any, assistant) -> None:
    ask(page, QUESTION)
    ask(page, "and parking, which costs euros?")
    assert [turn.question for turn in assistant.asked[-1][1].turns] == [QUESTION]
    assert assistant.asked[-1][1].turns[0].documents == ("trips/ferry & bus.md",)
    page.select_option("#mode", "quote")
    page.click("#fresh")
    assert page.locator(".turn").count() == 0
    ask(page, QUESTION)
    assert assistant.asked[-1][1:] == (None, "quote")


def test_a_failure_says_what_to_do_and_asks_again(page: Any, assistant) -> None:
    from whelm.core.errors import RemoteError

    assistant.raises = RemoteError("the endpoint is down", "start it")
    turn = ask(page, QUESTION)
    sync_api.expect(turn.locator(".failure")).to_contain_text("the endpoint is down")
    sync_api.expect(turn.locator(".failure")).to_contain_text("start it")
    assistant.raises = None
    turn.locator(".failure button").click()
    sync_api.expect(turn.locator(".cite")).to_have_count(1)


def test_the_token_is_asked_for(browser: Any, start: Callable[..., str], assistant) -> None:
    url = start(assistant, token="a-long-enough-token")
    with browser.new_context() as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(url + "/")
        page.fill("#token", "wrong")
        page.keyboard.press("Enter")
        page.locator("#token-dialog").wait_for()
        page.fill("#token", "a-long-enough-token")
        page.keyboard.press("Enter")
        sync_api.expect(page).to_have_title("island · whelm")
        ask(page, QUESTION)
        assert page.locator(".cite").count() == 1


def test_another_page_reads_nothing(browser: Any, address: str, start: Callable[..., str], assistant) -> None:
    other = start(assistant).replace("127.0.0.1", "localhost")
    with browser.new_context() as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(other + "/health")
        read = page.evaluate(
            """async (url) => { const found = [];
            for (const mode of ["cors", "no-cors"]) {
              try { found.push(await (await fetch(url, { mode })).text()); } catch { found.push(""); } }
            return found.join(""); }""",
            f"{address}/documents/parking.html",
        )
    assert read == ""


def test_the_page_needs_nothing_from_elsewhere() -> None:
    for path in sorted(PAGE.iterdir()):
        text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//cdn|@import|innerHTML|insertAdjacentHTML|document\.write|eval\(", text), path
