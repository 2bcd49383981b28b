"""A TPM 2.0 through Debian's tpm2-tools: seal a secret to the machine's state, and count for ever.

A secret is sealed under the TPM's own storage key and a policy over PCRs: the TPM gives it back on
this machine while those PCRs read as they did, and nowhere else. The sealed blob is worth nothing
without that TPM, so it may lie beside the data.
The counter is an NV index that only the TPM can raise and nobody can lower: a counter that is
removed and made anew starts above every value that this TPM has ever counted to (TPM 2.0, Part 1,
"NV Counter").

Tools are called as programs with a time limit, one after another; contexts lie in a private
temporary folder. Secrets go through pipes, never through files or arguments.
Without a resource manager the TPM has three places for loaded objects, so they are flushed after
each step (measured: the fourth step fails with 0x902 otherwise).

It does not protect against somebody who listens on the wires of a separate TPM chip, nor against
one who starts this machine as it is and breaks into the running system.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from kiosk.domain.errors import SetupError

BANK = "sha256"
PCR_BYTES = 32
TCTI_VARIABLE = "TPM2TOOLS_TCTI"
STEP_S_MAX = 20.0
"""Seconds that one tool gets; a slow chip takes under two for a new key."""
NV_FIRST = 0x0150_0000
NV_LAST = 0x0150_FFFF
NV_TRIES = 16
"""Other indices that are tried where one is taken."""
_ATTRIBUTES = "fixedtpm|fixedparent|noda"
_PRIMARY_ATTRIBUTES = (
    "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|decrypt|noda"
)
"""`noda`: nobody types a password here, and without it each power cut counts as a wrong one until
the TPM refuses for hours (measured: 0x921 after the third)."""
_NV_ATTRIBUTES = "nt=counter|ownerread|ownerwrite|no_da"
_WITH_SESSION = {"tpm2_createpolicy", "tpm2_unseal"}
"""Tools that leave their session behind, always or when the TPM says no (0x903 after three)."""
_CODE = re.compile(r"\(0x0*([0-9a-f]{1,8})\)", re.IGNORECASE)
_NO_TPM = ("could not load tcti", "failed to instantiate tcti")

_Hex = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{2})+$", max_length=2048)]
_Pcr = Annotated[int, msgspec.Meta(ge=0, le=23)]


class TpmError(SetupError):
    """The TPM does not do what was asked; `code` says why."""


class Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the TPM made of a secret; only this TPM, in this state, turns it back."""

    public: _Hex
    private: _Hex
    pcrs: Annotated[tuple[_Pcr, ...], msgspec.Meta(min_length=1, max_length=24)]


@dataclass(frozen=True, slots=True)
class Tpm:
    """The TPM that the tools find.

    Args:
        tcti: How to reach it, in tpm2-tools' words; empty: `TPM2TOOLS_TCTI`, else /dev/tpmrm0.
        step_s_max: Seconds that one tool gets.
    """

    tcti: str = ""
    step_s_max: float = STEP_S_MAX

    def pcr_values(self, pcrs: Sequence[int]) -> tuple[bytes, ...]:
        """Return what the PCRs read, in the order of their numbers.

        Raises:
            TpmError: There is no TPM, or it does not answer as one.
        """
        with _Folder() as folder:
            self._do("tpm2_pcrread", _selection(pcrs), "-o", f"{folder}/pcrs")
            raw = Path(folder, "pcrs").read_bytes()
        count = len(set(pcrs))
        if len(raw) != count * PCR_BYTES:
            raise _failed("it does not keep SHA-256 PCRs")
        return tuple(raw[at : at + PCR_BYTES] for at in range(0, len(raw), PCR_BYTES))

    def seal(
        self, secret: bytes | bytearray, pcrs: Sequence[int], *, unmeasured: bool = False
    ) -> Sealed:
        """Seal up to 128 bytes to the present values of some PCRs.

        Args:
            secret: What to seal.
            pcrs: Their numbers.
            unmeasured: Seal although a PCR was never written to (for tests with a software TPM).

        Raises:
            TpmError: There is no TPM; or `tpm_pcrs_unset`: nothing measures into one of the PCRs,
                so a policy over it would keep nobody out.
        """
        blank = {bytes(PCR_BYTES), b"\xff" * PCR_BYTES}
        if not unmeasured and any(value in blank for value in self.pcr_values(pcrs)):
            raise TpmError(
                f"Nothing was measured into a PCR of {_words(pcrs)}, so sealing to it would keep"
                " nobody out.",
                code="tpm_pcrs_unset",
                mend="Switch Secure Boot on in the firmware set-up, or choose PCRs that are"
                " measured ([keys] pcrs in settings.toml).",
            )
        with _Folder() as folder:
            self._primary(folder)
            self._do(
                "tpm2_createpolicy", "-Q", "--policy-pcr", "-l", _selection(pcrs),
                "-L", f"{folder}/policy",
            )  # fmt: skip
            self._do(
                "tpm2_create", "-Q", "-C", f"{folder}/primary", "-L", f"{folder}/policy",
                "-a", _ATTRIBUTES, "-i", "-", "-u", f"{folder}/public", "-r", f"{folder}/private",
                given=bytes(secret),
            )  # fmt: skip
            public, private = (Path(folder, part).read_bytes() for part in ("public", "private"))
        return Sealed(public.hex(), private.hex(), tuple(sorted(set(pcrs))))

    def unseal(self, sealed: Sealed) -> bytearray:
        """Have a secret given back.

        Raises:
            TpmError: `tpm_policy`: the machine's state has changed; `tpm_other`: another TPM, or
                this one was cleared; or there is none.
        """
        with _Folder() as folder:
            for part in ("public", "private"):
                Path(folder, part).write_bytes(bytes.fromhex(getattr(sealed, part)))
            self._primary(folder)
            self._do(
                "tpm2_load", "-Q", "-C", f"{folder}/primary", "-u", f"{folder}/public",
                "-r", f"{folder}/private", "-c", f"{folder}/object",
            )  # fmt: skip
            return bytearray(
                self._do(
                    "tpm2_unseal", "-Q", "-c", f"{folder}/object",
                    "-p", f"pcr:{_selection(sealed.pcrs)}",
                )
            )  # fmt: skip

    def new_counter(self, start: int) -> int:
        """Make a counter and return its index.

        Args:
            start: The first index to try, from `NV_FIRST` to `NV_LAST`; pick one by chance.

        Raises:
            TpmError: There is no TPM, or it has no room.
        """
        for step in range(NV_TRIES):
            index = NV_FIRST + (start - NV_FIRST + step) % (NV_LAST - NV_FIRST + 1)
            words = ("-Q", hex(index), "-C", "o", "-s", "8", "-a", _NV_ATTRIBUTES)
            try:
                self._do("tpm2_nvdefine", *words)
            except TpmError as error:
                if error.code != "tpm_index_taken":
                    raise
                continue
            self.raise_counter(index)  # before the first rise it cannot be read
            return index
        raise _failed("it has no free place for a counter")

    def counter(self, index: int) -> int:
        """Return what a counter stands at.

        Raises:
            TpmError: `tpm_counter_gone`: there is no such counter on this TPM.
        """
        raw = self._do("tpm2_nvread", hex(index), "-C", "o", "-s", "8")
        return int.from_bytes(raw, "big")

    def raise_counter(self, index: int) -> None:
        """Raise a counter by one.

        Raises:
            TpmError: As `counter()`.
        """
        self._do("tpm2_nvincrement", "-Q", hex(index), "-C", "o")

    def remove_counter(self, index: int) -> None:
        """Remove a counter; the next one made starts above it.

        Raises:
            TpmError: As `counter()`.
        """
        self._do("tpm2_nvundefine", "-Q", hex(index), "-C", "o")

    def _primary(self, folder: str) -> None:
        """Make the TPM's storage key; it is the same each time, from the TPM's own seed."""
        words = ("-Q", "-C", "o", "-g", BANK, "-G", "ecc", "-a", _PRIMARY_ATTRIBUTES)
        self._do("tpm2_createprimary", *words, "-c", f"{folder}/primary")

    def _do(self, tool: str, *words: str, given: bytes | None = None) -> bytes:
        done = self._run(tool, *words, given=given)
        self._run("tpm2_flushcontext", "-t")
        if tool in _WITH_SESSION:
            self._run("tpm2_flushcontext", "-l")
        if done.returncode != 0:
            raise _error_of(done.stderr.decode(errors="replace"))
        return done.stdout

    def _run(
        self, tool: str, *words: str, given: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        program = shutil.which(tool)
        if program is None:
            raise TpmError(
                "The programs that speak to a TPM are not installed.",
                code="tpm_tools_missing",
                mend="Run: sudo apt-get install tpm2-tools",
            )
        env = {**os.environ, TCTI_VARIABLE: self.tcti or os.environ.get(TCTI_VARIABLE, "")}
        if not env[TCTI_VARIABLE]:
            del env[TCTI_VARIABLE]
        try:
            return subprocess.run(
                [program, *words],
                input=given if given is not None else b"",
                capture_output=True,
                check=False,
                timeout=self.step_s_max,
                env=env,
            )
        except subprocess.TimeoutExpired:
            raise _failed("it does not answer in time", "tpm_slow") from None
        except OSError as error:
            raise _failed("its tools cannot be run") from error


class _Folder(tempfile.TemporaryDirectory[str]):
    """A private folder for contexts and blobs, none of which is a secret."""

    def __init__(self) -> None:
        super().__init__(prefix="smiletill-tpm-")


def _selection(pcrs: Sequence[int]) -> str:
    return f"{BANK}:{','.join(str(pcr) for pcr in sorted(set(pcrs)))}"


def _words(pcrs: Sequence[int]) -> str:
    return " ".join(str(pcr) for pcr in sorted(set(pcrs)))


def _error_of(told: str) -> TpmError:
    """Say in our words what a tool said in its own; the text itself is never repeated."""
    if any(words in told.lower() for words in _NO_TPM):
        return TpmError(
            "There is no TPM that this program can reach.",
            code="tpm_missing",
            mend="Switch the TPM on in the firmware set-up and let this user open /dev/tpmrm0"
            " (group tss); without it, `smiletill keys recover` opens the installation.",
        )
    codes = {int(code, 16) for code in _CODE.findall(told)}
    known = next((error for code, error in _KNOWN.items() if code in codes), None)
    if known is not None:
        code, message, mend = known
        return TpmError(message, code=code, mend=mend)
    return _failed(f"error {max(codes):#x}" if codes else "without a reason")


def _failed(what: str, code: str = "tpm_failed") -> TpmError:
    return TpmError(
        f"The TPM did not do what was asked: {what}.",
        code=code,
        mend="Try again; if it stays, restart the machine, or open the installation with"
        " `smiletill keys recover`.",
    )


_RECOVER = "`smiletill keys recover` opens the installation with the recovery code."
_KNOWN: dict[int, tuple[str, str, str]] = {
    0x99D: (
        "tpm_policy",
        "The TPM keeps the key back: this machine starts otherwise than when the key was sealed.",
        f"Undo the change of firmware or Secure Boot; if it was yours, {_RECOVER}",
    ),
    0x1DF: (
        "tpm_other",
        "The key was sealed by another TPM, or this one was cleared.",
        f"Put the disk back into its machine; if that is lost, {_RECOVER}",
    ),
    0x18B: (
        "tpm_counter_gone",
        "The counter of this installation is not on this TPM any more.",
        "The TPM was cleared or changed: restore from a backup (`smiletill backup restore`).",
    ),
    0x14C: ("tpm_index_taken", "A counter of the TPM is in use.", "Try again."),
    0x921: (
        "tpm_locked_out",
        "The TPM refuses for a while after too many wrong tries.",
        "Wait, or clear its lockout; then try again.",
    ),
}  # fmt: skip
