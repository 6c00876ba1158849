"""Small X clients for tests: a window of one colour, a menu, a keyboard grab."""

from typing import Any

from Xlib import X, Xutil, display

PATTERN = 0x00AB12EF


class Painter:
    """Windows of one solid colour, which no theme or wallpaper has."""

    def __init__(self, name: str) -> None:
        self.display: Any = display.Display(name)
        self.root = self.display.screen().root
        self.windows: list[Any] = []

    def window(
        self,
        wm_class: str,
        x: int,
        y: int,
        width: int,
        height: int,
        *,
        is_popup: bool = False,
        colour: int = PATTERN,
    ) -> Any:
        """Map a window with this class; a popup is override-redirect, as menus are."""
        window = self.root.create_window(
            x,
            y,
            width,
            height,
            0,
            X.CopyFromParent,
            X.InputOutput,
            X.CopyFromParent,
            background_pixel=colour,
            override_redirect=is_popup,
        )
        if wm_class:
            window.set_wm_class(wm_class.lower(), wm_class)
        window.set_wm_name(wm_class)
        window.set_wm_normal_hints(
            flags=Xutil.USPosition | Xutil.USSize, x=x, y=y, width=width, height=height
        )
        window.map()
        self.display.sync()
        self.windows.append(window)
        return window

    def close(self) -> None:
        """Take everything away."""
        for window in self.windows:
            window.destroy()
        self.display.sync()
        self.display.close()
