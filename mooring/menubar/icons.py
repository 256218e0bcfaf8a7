"""The status item's pictures, drawn as templates: black with transparency, which macOS tints as its menu bar needs."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

from mooring.menubar.look import Icon

SIZES: Final = (16, 18, 22, 32, 44, 64)  # points of menu bars and trays, and twice that
BOX: Final = 24.0  # the drawings' own units, as in the dashboard's icons
INK: Final = QColor(0, 0, 0)
HALO: Final = QColor(255, 255, 255, 200)


def icon(kind: Icon, *, tinted: bool = True) -> QIcon:
    """One state's picture.

    Args:
        tinted: as a template, which the menu bar colours. Else with a light edge, so that it is seen on any panel.
    """
    made = QIcon()
    for size in SIZES:
        made.addPixmap(pixmap(kind, size, halo=not tinted))
    made.setIsMask(tinted)
    return made


def pixmap(kind: Icon, size: int, *, halo: bool = False) -> QPixmap:
    """The picture with so many pixels on a side."""
    picture = QPixmap(size, size)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size / BOX, size / BOX)
    if halo:
        _draw(kind, painter, HALO, wider=2.4)
    _draw(kind, painter, INK)
    painter.end()
    return picture


def _draw(kind: Icon, painter: QPainter, ink: QColor, *, wider: float = 0.0) -> None:
    pen = QPen(ink, 2.0 + wider)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    middle = QPointF(12, 12)
    if kind in {Icon.OFF, Icon.PAPER}:
        painter.drawEllipse(middle, 9.0, 9.0)
    if kind is Icon.PAPER:
        painter.setBrush(ink)
        painter.drawEllipse(middle, 2.2, 2.2)
    elif kind is Icon.SHADOW:
        painter.drawEllipse(QPointF(9, 12), 6.5, 6.5)
        painter.drawEllipse(QPointF(15, 12), 6.5, 6.5)
    elif kind is Icon.LIVE:
        painter.setBrush(ink)
        painter.drawEllipse(middle, 9.0, 9.0)
    elif kind is Icon.PAUSED:
        _thick(painter, 4.0 + wider)
        painter.drawLine(QPointF(8, 5), QPointF(8, 19))
        painter.drawLine(QPointF(16, 5), QPointF(16, 19))
    elif kind is Icon.HALTED:
        painter.drawPolygon(QPolygonF([QPointF(12, 3), QPointF(22, 20.5), QPointF(2, 20.5)]))
        painter.drawLine(QPointF(12, 10), QPointF(12, 14.2))
        painter.drawPoint(QPointF(12, 17.3))
    elif kind is Icon.KILLED:
        _thick(painter, 3.0 + wider)
        painter.drawLine(QPointF(5, 5), QPointF(19, 19))
        painter.drawLine(QPointF(19, 5), QPointF(5, 19))
    elif kind is Icon.UNKNOWN:
        _dashed_ring(painter)


def _dashed_ring(painter: QPainter) -> None:
    pen = painter.pen()
    pen.setDashPattern([1.5, 1.65])
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    painter.setPen(pen)
    painter.drawEllipse(QPointF(12, 12), 9.0, 9.0)
    pen.setStyle(Qt.PenStyle.SolidLine)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    hook = QPainterPath(QPointF(9.6, 9.4))
    hook.arcTo(QRectF(9.5, 6.9, 5.0, 5.0), 180, -210)
    hook.lineTo(QPointF(12, 13.6))
    painter.drawPath(hook)
    painter.drawPoint(QPointF(12, 16.9))


def _thick(painter: QPainter, width: float) -> None:
    pen = painter.pen()
    pen.setWidthF(width)
    painter.setPen(pen)
