"""The one place that imports OpenCV and repairs what its wheel does to the environment.

`import cv2` on Linux points `QT_QPA_PLATFORM_PLUGIN_PATH` and `QT_QPA_FONTDIR` at the Qt 5 inside
the wheel (seen with opencv-python 5.0.0), which makes PySide6 load the wrong platform plugin.
Both are dropped right after the import unless the operator had set them.

Modules of the faces process write `from kiosk.faces.opencv import cv2`.
"""

from __future__ import annotations

import os
from typing import Any

_QT_VARIABLES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")
_before = {name: os.environ.get(name) for name in _QT_VARIABLES}

import cv2 as _cv2  # noqa: E402 - the environment has to be read before this import changes it

for _name, _value in _before.items():
    if _value is None:
        os.environ.pop(_name, None)
    else:
        os.environ[_name] = _value

cv2: Any = _cv2
"""OpenCV, typed loosely: its stubs and its 5.0 wheel disagree about `FaceDetectorYN`."""

__all__ = ["cv2"]
