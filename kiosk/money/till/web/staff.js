// The staff dialog: who it is, their code and, for a refund, how much. The code is kept nowhere.

import { parseSum } from "./money.js";

const $ = (id) => document.getElementById(id);

/**
 * Ask who it is, then do it; the dialog stays open with the problem when that fails.
 *
 * @param {{title: string, text: string, amount?: string}} what amount: shown and editable if given
 * @param {(who: {staff: string, code: string, amount?: string}) => Promise<void>} act
 * @returns {Promise<boolean>} whether it was done
 */
export function asStaff(what, act) {
  const dialog = $("staff-dialog");
  $("staff-title").textContent = what.title;
  $("staff-text").textContent = what.text;
  $("staff-amount-label").hidden = what.amount === undefined;
  $("staff-amount").value = what.amount ?? "";
  $("staff-code").value = "";
  $("staff-problem").textContent = "";
  $("staff-go").disabled = false;
  dialog.showModal();
  return new Promise((resolve) => {
    const finish = (done) => {
      $("staff-code").value = "";
      $("staff-form").onsubmit = null;
      dialog.oncancel = null;
      dialog.close();
      resolve(done);
    };
    $("staff-cancel").onclick = () => finish(false);
    dialog.oncancel = () => finish(false);
    $("staff-form").onsubmit = async (event) => {
      event.preventDefault();
      if (what.amount !== undefined && !parseSum($("staff-amount").value)) {
        $("staff-problem").textContent = "Type an amount like 12.50.";
        return;
      }
      $("staff-go").disabled = true;
      try {
        const who = { staff: $("staff-name").value.trim(), code: $("staff-code").value };
        if (what.amount !== undefined) who.amount = $("staff-amount").value.trim().replace(",", ".");
        await act(who);
        finish(true);
      } catch (error) {
        $("staff-problem").textContent = error.message;
        $("staff-code").value = "";
        $("staff-go").disabled = false;
      }
    };
  });
}
