"""The application's icon for macOS, drawn as the menu bar draws its ring: `python tools/app_icon.py FILE.icns`.

An .icns file is `icns`, its length, and pictures as PNG, each with four letters for its size and its own length.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Final

# Letters of Apple's for pixels on a side; the second of a size is for screens with twice as many of them.
KINDS: Final = (
    ("ic11", 32),
    ("ic12", 64),
    ("ic07", 128),
    ("ic08", 256),
    ("ic13", 256),
    ("ic09", 512),
    ("ic14", 512),
    ("ic10", 1024),
)
# Parts of the side, as Apple's own icons have them: room around, and round corners.
ROOM: Final = 0.1
CORNER: Final = 0.18
SEA: Final = "#12324a"
ROPE: Final = "#f4f1e8"


def icns(pictures: dict[int, bytes]) -> bytes:
    """The file, of a PNG for each size.

    Raises:
        KeyError: a size is missing.
    """
    parts = [struct.pack(">4sI", kind.encode(), len(pictures[size]) + 8) + pictures[size] for kind, size in KINDS]
    return struct.pack(">4sI", b"icns", sum(map(len, parts)) + 8) + b"".join(parts)


def png(size: int) -> bytes:
    """The picture with so many pixels on a side: a ring with a dot, as the menu bar shows paper trading."""
    from PySide6.QtCore import QBuffer, QRectF, Qt  # noqa: PLC0415 -- Qt is here only where the menu bar is built
    from PySide6.QtGui import QColor, QImage, QPainter  # noqa: PLC0415

    from mooring.menubar.icons import pixmap  # noqa: PLC0415
    from mooring.menubar.look import Icon  # noqa: PLC0415

    image = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(SEA))
    edge, corner = size * ROOM, size * CORNER
    painter.drawRoundedRect(QRectF(edge, edge, size - 2 * edge, size - 2 * edge), corner, corner)
    ring = pixmap(Icon.PAPER, size // 2)
    tint = QPainter(ring)
    tint.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
    tint.fillRect(ring.rect(), QColor(ROPE))
    tint.end()
    painter.drawPixmap(size // 4, size // 4, ring)
    painter.end()
    buffer = QBuffer()
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(buffer.data().data())


def main(arguments: list[str]) -> int:
    """Draw and write it."""
    from PySide6.QtGui import QGuiApplication  # noqa: PLC0415

    drawing = QGuiApplication(["icon", "-platform", "offscreen"])
    Path(arguments[0]).write_bytes(icns({size: png(size) for _, size in KINDS}))
    drawing.quit()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
