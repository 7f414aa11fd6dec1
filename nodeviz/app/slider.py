"""A slider that is grabbed anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSlider, QStyle, QStyleOptionSlider

if TYPE_CHECKING:
    from PySide6.QtGui import QMouseEvent


class JumpSlider(QSlider):
    """A horizontal slider whose handle jumps to the pointer and follows it."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)

    def _at(self, event: QMouseEvent) -> int:
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        handle = self.style().pixelMetric(QStyle.PixelMetric.PM_SliderLength, option, self)
        span = max(1, self.width() - handle)
        place = round(event.position().x() - handle / 2)
        return QStyle.sliderValueFromPosition(self.minimum(), self.maximum(), place, span)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Jump to the pointer."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self.setSliderPosition(self._at(event))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the pointer."""
        if self.isSliderDown():
            self.setSliderPosition(self._at(event))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go."""
        del event
        self.setSliderDown(False)
