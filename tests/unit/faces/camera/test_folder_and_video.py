"""Folders and video files as cameras: lazy, ordered, bounded, and clear about what is wrong."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from kiosk.domain.evidence import CameraKind
from kiosk.faces.camera.folder import FolderCamera
from kiosk.faces.camera.pictures import picture_size, read_picture
from kiosk.faces.camera.port import Camera, CameraInputError
from kiosk.faces.camera.video import VideoCamera
from kiosk.faces.opencv import cv2


def write_picture(path, value, size=(64, 48)):
    width, height = size
    cv2.imwrite(str(path), np.full((height, width, 3), value, np.uint8))


def taken(camera):
    with camera:
        return list(camera.frames())


def test_sorted_files_are_frames_on_a_virtual_clock(tmp_path):
    """Sorted file k is the frame at k/30 s, whatever the order on disk."""
    for name, value in (("b.png", 20), ("a.png", 10), ("c.png", 30)):
        write_picture(tmp_path / name, value)

    frames = taken(FolderCamera(tmp_path))

    assert [f.at_ms for f in frames] == [0, 33, 66]
    assert [f.index for f in frames] == [0, 1, 2]
    assert [int(f.image[0, 0, 0]) for f in frames] == [10, 20, 30]
    assert frames[0].image.shape == (48, 64, 3)


def test_nothing_is_opened_before_the_with_block(tmp_path):
    """A camera for a missing folder can be made; only entering it fails."""
    camera = FolderCamera(tmp_path / "missing")

    assert camera.kind is CameraKind.FRAME_FOLDER
    assert not camera.kind.is_live
    assert isinstance(camera, Camera)
    with pytest.raises(CameraInputError, match="does not exist") as caught, camera:
        pass
    assert caught.value.code == "folder_missing"
    assert caught.value.exit_code == 2


def test_an_empty_folder_says_so(tmp_path):
    """Files that are no pictures do not count."""
    (tmp_path / "notes.txt").write_text("hello")

    with pytest.raises(CameraInputError) as caught, FolderCamera(tmp_path):
        pass

    assert caught.value.code == "folder_empty"


def test_broken_pictures_are_skipped_and_counted(tmp_path):
    """A corrupt JPEG keeps its place on the clock and stops nobody."""
    write_picture(tmp_path / "0.jpg", 10)
    (tmp_path / "1.jpg").write_bytes((tmp_path / "0.jpg").read_bytes()[:40])
    (tmp_path / "2.jpg").write_bytes(b"\xff\xd8 not a picture")
    write_picture(tmp_path / "3.jpg", 30)
    camera = FolderCamera(tmp_path)

    frames = taken(camera)

    assert [(f.index, f.at_ms) for f in frames] == [(0, 0), (1, 100)]
    assert camera.skipped == 2


def test_a_folder_of_broken_pictures_is_bad_input(tmp_path):
    """When nothing can be read it is the input's fault, with a sentence."""
    (tmp_path / "0.jpg").write_bytes(b"\xff\xd8\xff\xe0garbage")

    with pytest.raises(CameraInputError) as caught:
        taken(FolderCamera(tmp_path))

    assert caught.value.code == "no_readable_picture"
    assert caught.value.exit_code == 2


def test_a_huge_picture_is_refused_from_its_header(tmp_path):
    """A small file that claims a gigapixel is never decoded."""
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 60_000, 60_000)
    (tmp_path / "bomb.png").write_bytes(header + b"\x08\x02\x00\x00\x00" + bytes(64))

    assert picture_size(header) == (60_000, 60_000)
    assert read_picture(tmp_path / "bomb.png") is None


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_the_header_tells_the_size(tmp_path, suffix):
    """Width and height are read right for each format."""
    write_picture(tmp_path / f"x{suffix}", 10, size=(70, 50))

    assert picture_size((tmp_path / f"x{suffix}").read_bytes()) == (70, 50)


def test_a_picture_too_small_for_a_face_is_refused(tmp_path):
    """An icon is not a camera frame."""
    write_picture(tmp_path / "x.png", 10, size=(20, 20))

    assert read_picture(tmp_path / "x.png") is None


def test_a_video_file_is_read_in_order(tmp_path):
    """Frames come with the file's own clock."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (64, 48))
    assert writer.isOpened()
    for value in (20, 120, 220):
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.release()

    frames = taken(VideoCamera(path))

    assert [f.at_ms for f in frames] == [0, 100, 200]
    means = [float(f.image.mean()) for f in frames]
    assert means == sorted(means)


def test_a_missing_and_a_broken_video_say_so(tmp_path, capfd):
    """Both are bad input with their own code."""
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")

    for path, code in ((tmp_path / "none.mp4", "video_missing"), (broken, "video_unreadable")):
        with pytest.raises(CameraInputError) as caught, VideoCamera(path):
            pass
        assert caught.value.code == code
    capfd.readouterr()
