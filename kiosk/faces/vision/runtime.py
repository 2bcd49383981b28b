"""Makes ONNX Runtime sessions with every option explicit, and OpenCV single-threaded.

One intra-op thread: the screen keeps a core, results do not depend on how work was split, and
small networks are not faster with two (measured on two cores).
The arena is off, so that a frame's intermediate values go back to the system after each run.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import onnxruntime

from kiosk.domain.errors import SetupError
from kiosk.faces.opencv import cv2
from models.minifasnet import onnx_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

VISION_THREADS = 1


def open_session(file: Path) -> Any:
    """Return a CPU session for a model file whose hash has been checked.

    Official PyTorch weights are turned into a graph here, every time: what lies on the disk stays
    the file whose hash the manifest names (about a tenth of a second a network).

    Raises:
        SetupError: `model_unreadable`, when ONNX Runtime cannot load it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = VISION_THREADS
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = True
    options.log_severity_level = 3
    try:
        model = onnx_of(file) if file.suffix == ".pth" else str(file)
        return onnxruntime.InferenceSession(
            model, sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        # onnxruntime raises a family of its own that shares no base but Exception.
        raise SetupError(
            f"The model file {file.name} cannot be loaded.",
            code="model_unreadable",
            mend="Run `smiletill models verify`, then install the pack again.",
        ) from error


def quiet_upstream() -> None:
    """Keep OpenCV to one thread, and upstream's warnings out of the operator's sight.

    WORKAROUND: OpenCV 5.0 warns once for every detector that targets are not supported by its new
    engine. WORKAROUND for insightface 2.1: `face_align` calls scikit-image's deprecated
    `estimate`; goes when it uses `SimilarityTransform.from_estimate`.
    """
    warnings.filterwarnings("ignore", "`estimate` is deprecated", FutureWarning, "insightface")
    cv2.setNumThreads(VISION_THREADS)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)


class SingleNetwork:
    """A session that has one input and one output; errors as for `open_session()`."""

    def __init__(self, file: Path) -> None:
        """Load it, and ask for its input's name once: that takes as long as a small network."""
        self._session = open_session(file)
        self._input = str(self._session.get_inputs()[0].name)

    def run(self, blob: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return its output."""
        result: NDArray[np.float32] = self._session.run(None, {self._input: blob})[0]
        return result
