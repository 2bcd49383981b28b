"""`smiletill bench vault`: every figure of the issue is in the report, from one run."""

from __future__ import annotations

from kiosk.bench.vault import measure

KEYS = {
    "n", "dimension", "vectors", "fill_s", "open_s", "raw_read_s", "bare_decrypt_s", "open_ratio",
    "file_mb", "payload_mb", "file_ratio", "enrol_ms", "raw_insert_ms", "enrol_ratio", "shred_ms",
    "proof_s", "bytes_found", "alias_ms_alone", "alias_ms_beside_a_proof", "renew_s",
    "renew_step_ms", "ok", "same_rows_ms", "same_rows_ratio", "enrol_ratio_of_means",
    "enrol_log_pages",
}  # fmt: skip


def test_the_report_has_every_figure(monkeypatch):
    """A small run tells all keys; nothing of an erased person is found, and the file is compact."""
    monkeypatch.setattr("kiosk.bench.vault.ENROLMENTS", 5)
    monkeypatch.setattr("kiosk.bench.vault.BARE_SAMPLE", 20)
    found = measure(300, 64)

    assert KEYS == set(found)
    assert 0 == found["bytes_found"]
    assert 1.0 < found["file_ratio"] < 2.0
    assert found["open_ratio"] > 0.5
