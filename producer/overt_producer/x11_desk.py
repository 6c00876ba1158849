"""The desk of a real person: X11 sources, the badge, the consent prompt. Imported late."""

from contextlib import suppress

from overt_producer.consent import AGREED, REFUSED
from overt_producer.desk import Indicator, Reply
from overt_producer.presence.badge import Badge, State
from overt_producer.presence.consent_prompt import ConsentPrompt
from overt_producer.presence.indicator import GRACE_MS, IndicatorLost, Verdict, Watch, verify
from overt_producer.presence.notice import Answer, Method, Notice
from overt_producer.presence.terminal_prompt import ask_at_terminal
from overt_producer.sources.events import InputSource, ScreenSource, WindowSource
from overt_producer.sources.platform import probe
from overt_producer.sources.x11 import X11Input, X11Screen, X11Windows
from overt_schemas.errors import Permanent, Refused

ABOUT = "stop: overtd pause"
_METHODS = {Method.POINTER: "x11", Method.KEYBOARD: "x11", Method.CLOSED: "x11",
            Method.TERMINAL: "terminal"}  # fmt: skip


class VerifiedBadge:
    """The badge, believed only when its pixels are on the screen."""

    lasts_ms = GRACE_MS

    def __init__(self, screen: ScreenSource) -> None:
        self._screen = screen
        self._badge = Badge(ABOUT)
        self._watch: Watch | None = None

    def show(self) -> None:
        """Put it up; again changes nothing."""
        if self._watch is None:
            self._badge.show(State.RECORDING)

    def check(self, now_ms: int) -> bool:
        """Return whether it can be seen; brings it to the top where it cannot.

        Raises:
            IndicatorLost: it did not come back.
        """
        self._badge.tick()
        patches = self._badge.patches
        sight = verify(patches, [self._screen.look(patch.rect) for patch in patches])
        self._watch, verdict = (self._watch or Watch(last_ms=now_ms)).step(sight, now_ms)
        match verdict:
            case Verdict.VISIBLE:
                return True
            case Verdict.RAISE:
                self._badge.raise_()
                return False
            case Verdict.LOST:
                raise IndicatorLost

    def hide(self) -> None:
        """Say that nothing is recorded."""
        self._watch = None
        # A display that went away shows nothing any more, and nothing is recorded from it.
        with suppress(IndicatorLost):
            self._badge.show(State.PAUSED)

    def close(self) -> None:
        """Take it down."""
        self._badge.close()


class X11Desk:
    """``$DISPLAY``.

    Raises:
        Refused: this desktop cannot be captured; the message says why and what to do.
    """

    is_synthetic = False
    offered: int | None = None

    def __init__(self) -> None:
        desktop = probe()
        if not desktop.can_capture:
            raise Refused(desktop.message, reason=desktop.reason)
        self.input: InputSource = X11Input()
        self.windows: WindowSource = X11Windows()
        self.screen: ScreenSource = X11Screen(self.windows)
        self._badge = VerifiedBadge(self.screen)
        self.indicator: Indicator = self._badge

    def ask(self, notice: Notice, now_ms: int) -> Reply | None:
        """Ask on the screen, or at the terminal where nothing can be drawn; blocks."""
        del now_ms
        return ask(notice)

    def close(self) -> None:
        """Let go of the display: the badge last."""
        self.screen.close()
        self.windows.close()
        self._badge.close()


def ask(notice: Notice) -> Reply | None:
    """Return what the person says, None for no answer in 60 s."""
    try:
        decision = ConsentPrompt().ask(notice)
    except Permanent:
        decision = ask_at_terminal(notice)
    method = _METHODS.get(decision.method)
    if decision.answer is Answer.NONE or method is None:
        return None
    return Reply(
        decision=AGREED if decision.answer is Answer.AGREED else REFUSED, method=method,
        shown_ms=decision.shown_us // 1000, decided_ms=decision.decided_us // 1000,
    )  # fmt: skip
