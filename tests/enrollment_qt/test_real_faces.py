"""The window against real processes: vault, eyes, money, sandbox bank; a folder is the camera."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk import supervisor
from kiosk.domain.evidence import CameraKind
from kiosk.link.protocol import CameraSpec
from tests.enrollment_qt.conftest import NAME, PHONE, Tool

REAL_WAIT_MS = 60_000
CODE = "green-apple-tart"


@pytest.fixture
def real(make, data_dir, passphrase, shared, monkeypatch):
    """A tool on an installation that runs, and its data directory."""
    frames = shared / "pad/client/0004_01_00_01"
    if not frames.is_dir():
        pytest.skip("no recorded frames in the shared data folder")
    monkeypatch.setattr("tests.enrollment_qt.conftest.WAIT_MS", REAL_WAIT_MS)
    with supervisor.open_installation(data_dir) as running:
        camera = CameraSpec(CameraKind.FRAME_FOLDER, path=str(frames))
        tool = make(connect=running.desk, connect_as_user=running.faces, camera=camera)
        yield tool, data_dir
        tool.window.close()


@pytest.mark.slow
@pytest.mark.vision
def test_a_whole_enrolment_and_an_erasure(real: tuple[Tool, Path]):
    """From the first manager to the certificate; cancelled once, which leaves nobody behind."""
    tool, data_dir = real
    tool.until("staff_code_again")
    tool.type("staff_name", "mia")
    tool.type("staff_code", CODE)
    tool.type("staff_code_again", CODE)
    tool.click("sign_in")
    tool.until("nav_enrol")
    tool.wait(lambda: len(tool.find("notice").toPlainText()) > 1_000, "the real text")
    tool.agree()
    tool.fill()
    tool.click("next")
    tool.wait(lambda: tool.window.wizard.seen.code.startswith("pose_"), "the camera looks")
    tool.click("cancel")
    tool.wait(lambda: tool.is_shown("banner"))
    assert "Stopped. Nothing was kept." in tool.said()
    tool.click("nav_people")
    tool.wait(lambda: tool.text("people_count") == "0 of 0")

    tool.click("nav_enrol")
    tool.click("next")
    tool.wait(lambda: tool.is_shown("save_copy") or tool.is_shown("stop_why"), "an end")
    assert tool.is_shown("save_copy"), tool.text("stop_why")
    assert f"{NAME} can pay with a smile" == tool.text("done_title")
    assert int(tool.text("done_samples")) >= 3
    assert "Recognised" in tool.text("rehearsal") or "recognised" in tool.text("rehearsal")
    tool.click("save_copy")
    tool.wait(lambda: tool.text("copy_saved"))
    person = tool.window.wizard.result.person

    tool.click("open_record")
    tool.wait(lambda: tool.is_shown("person_name") and tool.text("person_name") == NAME)
    assert f"••{PHONE[-2:]}" == tool.text("fact_number")
    assert "signed by hand" in tool.text("fact_consent")
    tool.click("part_pictures")
    tool.wait(lambda: tool.text("plot_scores_sentence"))
    assert "Nobody else is enrolled yet." == tool.text("plot_scores_sentence")
    tool.click("nav_log")
    tool.wait(lambda: "Whole and unchanged" in tool.text("log_verdict"))

    tool.window.open_person(person)
    tool.wait(lambda: tool.is_shown("act_erase") and tool.text("person_name"))
    tool.click("act_erase")
    tool.click("form_go")
    tool.until("erased_found")
    assert "Nothing of them was found in any file." == tool.text("erased_found")
    assert "The mandate is revoked at the bank." == tool.text("erased_mandate")
    assert list((data_dir / "vault").rglob("*")), "the vault itself is still there"
