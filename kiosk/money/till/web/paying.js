// One order from the kiosk's "pay with a smile" to its end, in words that cannot be mistaken.
// It says what the till says and concludes nothing by itself; the order's id survives a reload.

import { ask } from "./api.js";
import { parseSum, withCurrency } from "./money.js";
import { asStaff } from "./staff.js";
import { wordsOf } from "./words.js";

const $ = (id) => document.getElementById(id);
const ORDER_NAME = "smiletill-order";
const LOOK_MS = 5_000; // also without news: a stream that silently died must not leave staff waiting

export class PayingView {
  constructor({ began, ended, again, receipt }) {
    this.began = began;
    this.ended = ended;
    this.order = null;
    this.isLate = false; // the end was unknown on this page, and is not any more
    this.round = 0; // answers that were asked for before the newest change are out of date
    this.asking = null;
    $("take-back").addEventListener("click", () => this.takeBack());
    $("close-elsewhere").addEventListener("click", () => this.closeElsewhere());
    $("outcome-receipt").addEventListener("click", () => receipt(this.order.order_id));
    $("next").addEventListener("click", () => this.leave());
    $("again").addEventListener("click", () => {
      again(this.order.lines.map(({ text, amount }) => ({ text, minorUnits: parseSum(amount) })));
      this.leave();
    });
    setInterval(() => this.isOn && this.order.state !== "paid" && this.look(), LOOK_MS);
  }

  /** Whether an order is being looked at. */
  get isOn() {
    return this.order !== null;
  }

  /** Look at an order; what is known of it may be old, so the till is asked at once. */
  begin(order) {
    sessionStorage.setItem(ORDER_NAME, order.order_id);
    $("outcome-problem").textContent = "";
    this.draw(order);
    this.began();
    this.look();
  }

  /**
   * Go on with the order that this tab was at before a reload.
   *
   * @returns {Promise<boolean>} whether there was one
   * @throws {TillError} the till does not say
   */
  async resume() {
    const orderId = sessionStorage.getItem(ORDER_NAME);
    if (!orderId) return false;
    try {
      this.begin(await ask("GET", `/v1/orders/${encodeURIComponent(orderId)}`));
      return true;
    } catch (error) {
      if (error.status !== 404) throw error;
      sessionStorage.removeItem(ORDER_NAME);
      return false;
    }
  }

  /** Ask the till how the order stands: one question at a time, and once more if asked meanwhile. */
  look() {
    if (this.asking) this.askAgain = true;
    else this.asking = this.lookNow().finally(() => {
      this.asking = null;
      if (this.askAgain) {
        this.askAgain = false;
        this.look();
      }
    });
    return this.asking;
  }

  async lookNow() {
    if (!this.order) return;
    const round = this.round;
    try {
      const order = await ask("GET", this.path);
      if (round === this.round && this.order) this.draw(order);
    } catch {
      // The header says that the connection is lost; the last state that was told stays shown.
    }
  }

  /** Take news of an order; says whether it is this one. */
  heard(news) {
    if (this.order?.order_id !== news.order_id) return false;
    this.look();
    return true;
  }

  draw(order) {
    const before = this.order?.order_id === order.order_id ? this.order : null;
    this.isLate = before !== null && order.state !== "unknown" && (this.isLate || before.state === "unknown");
    const focused = document.activeElement;
    this.order = order;
    this.round += 1;
    const { word, sign, help, kind } = wordsOf(order);
    $("outcome").dataset.state = kind;
    set("outcome-word", word);
    set("outcome-sign", sign);
    set("outcome-sum", withCurrency(order.amount, order.currency));
    set("outcome-help", [this.isLate ? "The bank’s word came late." : "", help].filter(Boolean).join(" "));
    set("outcome-order", `Bill ${order.order_id}`);
    const isOpen = order.state === "open";
    $("take-back").hidden = !isOpen;
    $("close-elsewhere").hidden = !(isOpen || order.state === "unknown");
    $("outcome-receipt").hidden = order.state !== "paid";
    $("again").hidden = !(order.state === "cancelled" && order.lines.length > 0);
    $("next").hidden = isOpen || order.state === "in_flight";
    // The button that had the focus may be hidden now. Never onto "Next customer": a key that
    // comes late must not put the outcome away.
    if ($("outcome").contains(focused) && focused.hidden) $("paying").focus();
  }

  async takeBack() {
    $("outcome-problem").textContent = "";
    $("take-back").disabled = true;
    try {
      this.draw(await ask("DELETE", this.path));
    } catch (error) {
      $("outcome-problem").textContent =
        error.status === 0 ? "The till does not answer. The bill may still be at the kiosk." : error.message;
      this.look();
    } finally {
      $("take-back").disabled = false;
    }
  }

  async closeElsewhere() {
    $("outcome-problem").textContent = "";
    const { path, order } = this;
    await asStaff(
      {
        title: "Paid another way",
        text: order.state === "unknown"
          ? "The smile payment may still come in; it is then listed to be given back."
          : `The kiosk will not charge these ${withCurrency(order.amount, order.currency)} any more.`,
        go: "Close this bill",
      },
      async (who) => {
        const closed = await ask("POST", `${path}/close`, who);
        if (this.order?.order_id === closed.order_id) this.draw(closed);
      },
    );
    this.look();
  }

  get path() {
    return `/v1/orders/${encodeURIComponent(this.order.order_id)}`;
  }

  leave() {
    sessionStorage.removeItem(ORDER_NAME);
    this.order = null;
    this.round += 1;
    this.ended();
  }
}

/** Change a text only where it differs: a live region must not say the same again. */
function set(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}
