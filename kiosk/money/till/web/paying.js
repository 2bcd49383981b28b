// One order from the kiosk's "pay with a smile" to its end, in words that cannot be mistaken.
// It says what the till says and concludes nothing by itself; the order's id survives a reload.

import { ask } from "./api.js";
import { withCurrency } from "./money.js";
import { asStaff } from "./staff.js";
import { reasonText, stateWords } from "./words.js";

const $ = (id) => document.getElementById(id);
const ORDER_NAME = "smiletill-order";
const LOOK_MS = 5_000; // also without news: a stream that silently died must not leave staff waiting
const RUNNING = new Set(["open", "in_flight"]);

export class PayingView {
  constructor({ began, ended, receipt }) {
    this.began = began;
    this.ended = ended;
    this.order = null;
    $("take-back").addEventListener("click", () => this.takeBack());
    $("close-elsewhere").addEventListener("click", () => this.closeElsewhere());
    $("outcome-receipt").addEventListener("click", () => receipt(this.order.order_id));
    $("next").addEventListener("click", () => this.leave());
    setInterval(() => this.isOn && this.order.state !== "paid" && this.look(), LOOK_MS);
  }

  /** Whether an order is being looked at. */
  get isOn() {
    return this.order !== null;
  }

  begin(order) {
    sessionStorage.setItem(ORDER_NAME, order.order_id);
    $("outcome-problem").textContent = "";
    this.draw(order);
    this.began();
  }

  /** Go on with the order that this tab was at before a reload; says whether there was one. */
  async resume() {
    const orderId = sessionStorage.getItem(ORDER_NAME);
    if (!orderId) return false;
    try {
      this.begin(await ask("GET", `/v1/orders/${encodeURIComponent(orderId)}`));
      return true;
    } catch (error) {
      if (error.status === 404) sessionStorage.removeItem(ORDER_NAME);
      return false;
    }
  }

  /** Ask the till how the order stands. */
  async look() {
    if (!this.order) return;
    const orderId = this.order.order_id;
    try {
      const order = await ask("GET", `/v1/orders/${encodeURIComponent(orderId)}`);
      if (this.order?.order_id === orderId) this.draw(order);
    } catch {
      // The header says that the connection is lost; the last state that was told stays shown.
    }
  }

  /** Take news from the stream. */
  heard(event) {
    try {
      if (this.order && JSON.parse(event.data).order_id === this.order.order_id) this.look();
    } catch {
      this.look();
    }
  }

  draw(order) {
    this.order = order;
    const declined = order.state === "open" && order.attempts > 0;
    const { word, sign, help } = stateWords(declined ? "not_paid" : order.state);
    $("outcome").dataset.state = declined ? "not_paid" : order.state;
    if ($("outcome-word").textContent !== word) $("outcome-word").textContent = word;
    $("outcome-sign").textContent = sign;
    $("outcome-sum").textContent = withCurrency(order.amount, order.currency);
    const again = declined ? "The bill is still at the kiosk: the customer may try again, or pay another way." : "";
    $("outcome-help").textContent = [help, reasonText(order.reason), again].filter(Boolean).join(" ");
    $("take-back").hidden = order.state !== "open";
    $("close-elsewhere").hidden = !(order.state === "open" || order.state === "unknown");
    $("outcome-receipt").hidden = order.state !== "paid";
    $("next").hidden = RUNNING.has(order.state);
  }

  async takeBack() {
    await this.attempt(() => ask("DELETE", this.path));
  }

  async closeElsewhere() {
    const isUnknown = this.order.state === "unknown";
    await asStaff(
      {
        title: "Paid another way",
        text: isUnknown
          ? "The smile payment may still come in; it is then listed to be given back."
          : "The kiosk will not charge this bill any more.",
      },
      async (who) => this.draw(await ask("POST", `${this.path}/close`, who)),
    );
  }

  async attempt(act) {
    $("outcome-problem").textContent = "";
    try {
      this.draw(await act());
    } catch (error) {
      $("outcome-problem").textContent = error.message;
      await this.look();
    }
  }

  get path() {
    return `/v1/orders/${encodeURIComponent(this.order.order_id)}`;
  }

  leave() {
    sessionStorage.removeItem(ORDER_NAME);
    this.order = null;
    this.ended();
  }
}
