"""What is used of pynput and python-xlib beyond their interface, and is pinned for."""

from importlib.metadata import version

import pytest


def test_pynput_is_the_version_whose_inside_was_read() -> None:
    assert version("pynput") == "1.8.2"
    assert version("python-xlib") == "0.33"
    assert version("mss") == "10.2.0"


@pytest.mark.desktop
def test_the_hook_that_is_overridden_is_there(display: str) -> None:
    from pynput._util.xorg import ListenerMixin

    from overt_producer.sources.x11.listeners import KeyboardHook, PointerHook

    for hook in (KeyboardHook, PointerHook):
        assert callable(getattr(ListenerMixin, "_handle_message", None))
        assert issubclass(hook, ListenerMixin)
        assert hook._handle_message is not ListenerMixin._handle_message
