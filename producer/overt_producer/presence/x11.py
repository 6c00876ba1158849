"""What the badge and the prompt need of an X display: letters, and pixels in a window."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from Xlib import X

from overt_producer.presence.canvas import Lettering
from overt_producer.sources.events import DisplayEpoch, Monitor

FONT = "fixed"
# Latin-1 without its controls: what a core font holds.
CHARACTERS = "".join(chr(code) for code in (*range(32, 127), *range(161, 256)))


def load_lettering(connection: Any) -> Lettering:
    """Return the glyphs of the server's built-in font."""
    screen = connection.screen()
    font = connection.open_font(FONT)
    metrics = font.query()
    width = metrics.max_bounds.character_width
    height = metrics.font_ascent + metrics.font_descent
    pixmap = screen.root.create_pixmap(width * len(CHARACTERS), height, screen.root_depth)
    gc = pixmap.create_gc(foreground=0xFFFFFF, background=0, font=font)
    pixmap.image_text(gc, 0, metrics.font_ascent, CHARACTERS.encode("latin-1"))
    image = pixmap.get_image(0, 0, width * len(CHARACTERS), height, X.ZPixmap, 0xFFFFFFFF)
    dots = np.frombuffer(image.data, np.uint32).reshape(height, -1) & 0xFFFFFF != 0
    pixmap.free()
    gc.free()
    font.close()
    return Lettering(
        height=height,
        width=width,
        glyphs={
            character: dots[:, index * width : (index + 1) * width]
            for index, character in enumerate(CHARACTERS)
        },
    )


def set_picture(connection: Any, window: Any, pixels: NDArray[np.uint8]) -> None:
    """Make pixels the background of a window: the server paints it, whenever it must."""
    height, width = pixels.shape[:2]
    depth = connection.screen().root_depth
    pixmap = window.create_pixmap(width, height, depth)
    gc = pixmap.create_gc()
    # A request holds 256 KiB at most.
    rows = max(1, (connection.display.info.max_request_length * 4 - 64) // (width * 4))
    for top in range(0, height, rows):
        strip = pixels[top : top + rows]
        pixmap.put_image(gc, 0, top, width, strip.shape[0], X.ZPixmap, depth, 0, strip.tobytes())
    window.change_attributes(background_pixmap=pixmap)
    window.clear_area()
    gc.free()
    pixmap.free()


def unit(monitor: Monitor) -> float:
    """Return by how much to enlarge what is drawn for a monitor: 1 up to 1080 lines."""
    return max(1.0, monitor.scale / 100, monitor.rect.height / 1080)


def main_monitor(displays: DisplayEpoch) -> Monitor:
    """Return the monitor for what is shown once."""
    return displays.monitors[0]
