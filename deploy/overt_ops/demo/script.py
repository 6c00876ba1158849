"""What the driver does on the private display: work in the editor, and a look aside.

The look aside types into another application, which no policy allows: its events come back as
`policy` in the account and as nothing at all in the data.
"""

import time
from collections.abc import Callable

from Xlib.xobject.drawable import Window

from overt_ops.demo.driver import Driver
from overt_ops.demo.waiting import until
from overt_schemas.errors import Transient

EDITOR, ASIDE, PROMPT = "mousepad", "xterm", "overt-consent"
AGREE, REFUSE = "I agree", "No"  # the names of the prompt's buttons
_LINES = (
    "One key press, the whole way.\n",
    "Typed by XTEST, captured in plain sight,\n",
    "sealed before it touched the disk.\n",
    "A reader with a grant sees this line.\n",
)
_SECRET = "nobody reads this 4711"  # noqa: S105 - typed into the application that is not allowed


def appear(driver: Driver, wm_class: str, timeout_s: float) -> Window:
    """Return the window of that class as soon as it is on the screen."""
    found: list[Window] = []

    def look() -> bool:
        window = driver.window(wm_class)
        if window is not None:
            found.append(window)
        return bool(found)

    if not until(look, timeout_s, 0.1):
        raise Transient(f"no window of {wm_class} after {timeout_s:.0f} s", reason="no_window")
    return found[0]


def work(driver: Driver, over: Callable[[], bool], aside: bool) -> None:
    """Type, point, scroll in the editor until ``over()``; once, look aside."""
    editor = turn_to(driver, EDITOR)
    lines = 0
    while not over():
        driver.type(_LINES[lines % len(_LINES)])
        for step in range(12):
            driver.move(editor[0] - 60 + 10 * step, editor[1] + (step % 4) * 5)
            time.sleep(0.008)  # a hand's cadence
        driver.scroll(1)
        driver.scroll(-1)
        driver.click(*editor)
        lines += 1
        if aside and lines == 2:
            look_aside(driver)
            editor = turn_to(driver, EDITOR)


def look_aside(driver: Driver) -> None:
    """Type into the application that is not on the allow-list."""
    if driver.window(ASIDE) is not None:
        turn_to(driver, ASIDE)
        driver.type(_SECRET)


def turn_to(driver: Driver, wm_class: str) -> tuple[int, int]:
    """Click into a window, look that it is in front, and return its centre.

    A person looks, too, before typing; and what is typed while the focus is in doubt is dropped.
    """
    window = appear(driver, wm_class, 10)
    place = driver.centre(window)
    driver.click(*place)
    until(lambda: driver.has_focus(window), 5, 0.02)
    time.sleep(0.25)  # longer than the recorder's look at the focus
    return place


def agree(driver: Driver) -> None:
    """Answer the consent prompt on the private display as a person would: look, then click."""
    answer(driver, AGREE)


def answer(driver: Driver, button: str) -> None:
    """Click the button of that name in the consent prompt."""
    prompt = appear(driver, PROMPT, 30)
    found: list[Window] = []

    def is_there() -> bool:
        # The button appears a moment after the text: an answer must not be a click in passing.
        found[:] = [child for child in driver.children(prompt) if child.get_wm_name() == button]
        return bool(found)

    if not until(is_there, 10, 0.1):
        raise Transient(f"the consent prompt shows no button {button!r}", reason="no_window")
    driver.click(*driver.centre(found[0]))
    driver.offered = 0  # nothing listened yet
