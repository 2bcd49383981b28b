"""The real machine answers doctor's questions without raising, whatever it finds."""

import tomllib

from kiosk.doctor import LIBRARIES, SYSTEM_LIBRARIES, examine
from kiosk.machine import ThisMachine

PACKAGE_OF = {
    "argon2": "argon2-cffi",
    "cv2": "opencv-python",
    "escpos": "python-escpos",
    "faiss": "faiss-cpu",
    "PySide6": "PySide6-Essentials",
    "sqlite_utils": "sqlite-utils",
}


def test_doctor_looks_for_every_dependency(repository):
    """The libraries doctor checks are those that pyproject.toml requires."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    required = {line.partition(">=")[0] for line in project["dependencies"]}

    assert {PACKAGE_OF.get(name, name) for name in LIBRARIES} == required


def test_doctor_looks_for_the_system_libraries_that_run_installs(repository):
    """Doctor and ./run agree on what OpenCV and Qt need."""
    script = (repository / "run").read_text()

    assert [pair for pair in SYSTEM_LIBRARIES if f"\n{pair[0]} {pair[1]}\n" not in script] == []


def test_every_question_is_answered_here(data_dir):
    """On whatever machine this test runs, each check gives a finding."""
    findings = examine(ThisMachine(), data_dir)

    assert len({finding.name for finding in findings}) == len(findings)
    assert all(finding.sentence for finding in findings)


def test_file_facts_tell_private_from_open(tmp_path):
    """Permissions of group and others make a file not private; a folder is no file."""
    file = tmp_path / "passphrase"
    file.write_text("secret")
    machine = ThisMachine()

    file.chmod(0o600)
    assert machine.file(file).is_private
    file.chmod(0o640)
    assert not machine.file(file).is_private
    assert machine.file(tmp_path) is None
    assert machine.file(tmp_path / "absent") is None


def test_free_space_is_that_of_the_folder_to_be_made(tmp_path):
    """An installation that does not exist yet is judged by the disk it would be made on."""
    machine = ThisMachine()
    (tmp_path / "file").touch()

    assert machine.free_bytes(tmp_path / "not" / "yet") == machine.free_bytes(tmp_path)
    assert machine.free_bytes(tmp_path / "file" / "below") is None


def test_absent_things_are_absent(tmp_path):
    """A library that nobody has is not found, and looking for it does not raise."""
    machine = ThisMachine()

    assert not machine.has_module("smiletill_no_such_module")
    assert not machine.has_system_library("libsmiletill-no-such.so.9")


def test_a_broken_choice_of_pack_is_a_problem_with_a_mend(data_dir):
    """What `models use` wrote may be damaged; doctor says so instead of failing."""
    (data_dir / "models").mkdir()
    (data_dir / "models" / "current").write_text("../../etc")

    name, problem, mend = ThisMachine().pack_problem(data_dir)

    assert (name, bool(problem), bool(mend)) == ("", True, True)


def test_what_the_owner_wrote_is_read_by_the_real_parsers(data_dir):
    """Settings, policy and a policy on trial: the fault is named by line and key, with a mend."""
    machine = ThisMachine()
    names = ("settings.toml", "policy.toml", "policy-trial.toml")
    assert [machine.file_problem(data_dir, name) for name in names] == [("", "")] * 3

    for name in names:
        (data_dir / name).write_text("\nclaim = 'never'\n")
        problem, mend = machine.file_problem(data_dir, name)
        assert problem == f"{name}, line 2, claim: claim must be on_doubt or first."
        assert mend
