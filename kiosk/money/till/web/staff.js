// The staff dialog: who it is, their code and, for a refund, how much. The code is kept nowhere.

import { parseSum } from "./money.js";

const $ = (id) => document.getElementById(id);

/**
 * Ask who it is, then do it; the dialog stays open with the problem when that fails.
 *
 * @param {{title: string, text: string, go: string, amount?: string}} what
 *   amount: shown and editable if given
 * @param {(who: {staff: string, code: string, amount?: string}) => Promise<void>} act
 * @returns {Promise<boolean>} whether it was done
 */
export function asStaff(what, act) {
  const dialog = $("staff-dialog");
  $("staff-title").textContent = what.title;
  $("staff-text").textContent = what.text;
  $("staff-go").textContent = what.go;
  $("staff-amount-label").hidden = what.amount === undefined;
  $("staff-amount").value = what.amount ?? "";
  $("staff-code").value = "";
  $("staff-problem").textContent = "";
  setBusy(false);
  dialog.showModal();
  return new Promise((resolve) => {
    const finish = (done) => {
      $("staff-code").value = "";
      dialog.close();
      resolve(done);
    };
    $("staff-cancel").onclick = () => finish(false);
    dialog.oncancel = (event) => {
      event.preventDefault();
      // While it is on its way nobody can tell what "cancel" would mean.
      if (!$("staff-cancel").disabled) finish(false);
    };
    $("staff-form").onsubmit = async (event) => {
      event.preventDefault();
      if (what.amount !== undefined && !parseSum($("staff-amount").value)) {
        $("staff-problem").textContent = "Type an amount like 12.50.";
        return;
      }
      const who = { staff: $("staff-name").value.trim(), code: $("staff-code").value };
      if (what.amount !== undefined) who.amount = $("staff-amount").value.trim().replace(",", ".");
      $("staff-problem").textContent = "";
      setBusy(true);
      try {
        await act(who);
        finish(true);
      } catch (error) {
        setBusy(false);
        $("staff-problem").textContent =
          error.code === "message_bad" ? "Name, code or amount is not usable. Type them again." : error.message;
        $("staff-code").value = "";
        $("staff-code").focus();
      }
    };
  });
}

function setBusy(isBusy) {
  $("staff-go").disabled = isBusy;
  $("staff-cancel").disabled = isBusy;
}
