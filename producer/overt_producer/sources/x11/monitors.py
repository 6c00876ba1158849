"""Size, monitors and scale of an X display, and notice of their change."""

from typing import Any

from Xlib import X
from Xlib.ext import randr

from overt_producer.sources.events import DisplayEpoch, Monitor, Rect

DPI_AT_100 = 96


def watch_displays(connection: Any) -> None:
    """Ask for events when size or monitors change."""
    root = connection.screen().root
    root.change_attributes(event_mask=X.StructureNotifyMask)
    root.xrandr_select_input(
        randr.RRScreenChangeNotifyMask
        | randr.RRCrtcChangeNotifyMask
        | randr.RROutputChangeNotifyMask
    )


def read_displays(connection: Any, number: int) -> DisplayEpoch:
    """Return the displays as they are now, as epoch ``number``."""
    root = connection.screen().root
    geometry = root.get_geometry()
    whole = Rect(x=0, y=0, width=geometry.width, height=geometry.height)
    scale = _scale(connection)
    monitors = tuple(
        Monitor(
            name=connection.get_atom_name(found.name),
            rect=Rect(
                x=found.x, y=found.y, width=found.width_in_pixels, height=found.height_in_pixels
            ).clipped(whole),
            scale=scale,
        )
        for found in root.xrandr_get_monitors().monitors
    )
    shown = tuple(monitor for monitor in monitors if not monitor.rect.is_empty)
    return DisplayEpoch(
        number=number,
        width=whole.width,
        height=whole.height,
        monitors=shown or (Monitor(name="screen", rect=whole, scale=scale),),
    )


def _scale(connection: Any) -> int:
    """Return the scale that toolkits use, in per cent, from ``Xft.dpi``; X has none of its own."""
    found = connection.screen().root.get_full_property(
        connection.intern_atom("RESOURCE_MANAGER"), X.AnyPropertyType
    )
    for line in (found.value if found else b"").decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "Xft.dpi" and value.strip().isdigit():
            return round(100 * int(value) / DPI_AT_100)
    return 100
