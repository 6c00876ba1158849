"""One look at the windows on the screen: who they belong to, where they are, who gets the keys.

Reads only. Windows come and go between two requests: one that vanishes is left out, and the
caller sees its DestroyNotify and looks again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from Xlib import X, error

from overt_producer.sources.events import Rect, WindowContext, WindowKind

# Frame, client, and a layer that some window managers put between.
FRAME_DEPTH = 3
CLIMB_DEPTH = 16
WATCHED = (
    "WM_CLASS",
    "_NET_WM_PID",
    "_NET_WM_WINDOW_TYPE",
    "_NET_WM_WINDOW_OPACITY",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A window with the ids under which it may be met."""

    context: WindowContext
    frame: int
    client: int


class Inspector:
    """Asks a connection about windows; holds no state but atoms."""

    def __init__(self, connection: Any) -> None:
        self._display = connection
        self._root = connection.screen().root
        self._atoms: dict[str, int] = {}
        # These properties decide whose pixels and keys are whose; a title decides nothing, and
        # toolkits change others (_NET_WM_USER_TIME) at every key press.
        self.watched = frozenset(self._atom(name) for name in WATCHED)

    def stack(self) -> list[Seen]:
        """Return what is on the screen, bottom to top."""
        is_composited = self._owner(f"_NET_WM_CM_S{self._display.get_default_screen()}")
        seen: list[Seen] = []
        for child in self._root.query_tree().children:
            try:
                found = self._look(child, is_composited=is_composited)
            except error.XError:
                continue
            if found is not None:
                seen.append(found)
        return seen

    def focused(self, stack: Sequence[Seen]) -> tuple[Seen | None, int]:
        """Return the window that gets the keys, and the id of the exact window with the focus.

        None with no focus, with a focus that follows the pointer, or in a window off the screen.
        """
        focus = self._display.get_input_focus().focus
        if isinstance(focus, int):
            return None, 0
        known = {id_: seen for seen in stack for id_ in (seen.frame, seen.client)}
        window, focus_id = focus, int(focus.id)
        try:
            for _ in range(CLIMB_DEPTH):
                if window.id in known:
                    return known[window.id], focus_id
                window = window.query_tree().parent
                if isinstance(window, int) or window.id == self._root.id:
                    break
        except error.XError:
            pass
        return None, focus_id

    def _look(self, child: Any, *, is_composited: bool) -> Seen | None:
        attributes = child.get_attributes()
        if attributes.map_state != X.IsViewable or attributes.win_class == X.InputOnly:
            return None
        geometry = child.get_geometry()
        border = 2 * geometry.border_width
        client = self._client_of(child)
        class_ = client.get_wm_class() or ("", "")
        pid = self._numbers(client, "_NET_WM_PID")
        context = WindowContext(
            app=class_[1].lower(),
            instance=class_[0],
            title=self._title(client),
            pid=pid[0] if pid else 0,
            rect=Rect(
                x=geometry.x,
                y=geometry.y,
                width=geometry.width + border,
                height=geometry.height + border,
            ),
            window=client.id,
            kind=self._kind(child, client, is_override=bool(attributes.override_redirect)),
            is_opaque=self._is_opaque(child, client, is_composited=is_composited),
        )
        return Seen(context=context, frame=child.id, client=client.id)

    def _client_of(self, window: Any) -> Any:
        """Return the window inside a frame that says whose it is, or the frame itself."""
        layer = [window]
        for _ in range(FRAME_DEPTH):
            for candidate in layer:
                if candidate.get_wm_class():
                    return candidate
            layer = [child for parent in layer for child in parent.query_tree().children]
        return window

    def _kind(self, frame: Any, client: Any, *, is_override: bool) -> WindowKind:
        types = self._numbers(client, "_NET_WM_WINDOW_TYPE")
        desktop = (
            self._atom("_NET_WM_WINDOW_TYPE_DESKTOP"),
            self._atom("_NET_WM_WINDOW_TYPE_DOCK"),
        )
        if any(atom in desktop for atom in types):
            return WindowKind.DESKTOP
        # Frames are override-redirect too; a popup is its own client.
        if is_override and frame.id == client.id:
            return WindowKind.POPUP
        return WindowKind.MANAGED

    def _is_opaque(self, frame: Any, client: Any, *, is_composited: bool) -> bool:
        shape = frame.shape_query_extents()
        if shape.bounding_shaped or shape.clip_shaped:
            return False
        windows = (frame,) if frame.id == client.id else (frame, client)
        if any(self._numbers(window, "_NET_WM_WINDOW_OPACITY") for window in windows):
            return False
        # Without a compositor the server ignores alpha.
        return not is_composited or all(w.get_geometry().depth < 32 for w in windows)

    def _title(self, window: Any) -> str:
        found = window.get_full_property(self._atom("_NET_WM_NAME"), X.AnyPropertyType)
        value = found.value if found else window.get_wm_name()
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""

    def _numbers(self, window: Any, name: str) -> list[int]:
        found = window.get_full_property(self._atom(name), X.AnyPropertyType)
        return [int(v) for v in found.value] if found and found.format == 32 else []

    def _owner(self, selection: str) -> bool:
        return bool(self._display.get_selection_owner(self._atom(selection)) != X.NONE)

    def _atom(self, name: str) -> int:
        if name not in self._atoms:
            self._atoms[name] = self._display.intern_atom(name)
        return self._atoms[name]
