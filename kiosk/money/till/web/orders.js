// The orders of a day: how each ended, its receipt, and giving money back.

import { ask } from "./api.js";
import { formatSum, parseSum, withCurrency } from "./money.js";
import { asStaff } from "./staff.js";
import { reasonText, wordsOf } from "./words.js";

const $ = (id) => document.getElementById(id);
const SHOWN_MAX = 100; // the till lists no more at once
const ITEMS_SHOWN = 3;

export class OrdersView {
  constructor({ receipt, watch }) {
    this.receipt = receipt;
    this.watch = watch;
    this.round = 0;
    this.unsure = new Map(); // by order: the id of a refund whose answer was lost
    $("orders-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.show();
    });
  }

  async show(told = "") {
    $("orders-day").value ||= today();
    $("orders-problem").textContent = "";
    $("orders-told").textContent = told;
    const amount = $("orders-amount").value.trim().replace(",", ".");
    if (amount && !parseSum(amount)) {
      $("orders-problem").textContent = "Type an amount like 12.50, or none.";
      return;
    }
    const query = new URLSearchParams({
      day: $("orders-day").value, limit: SHOWN_MAX, ...(amount ? { amount } : {}),
    });
    const round = ++this.round;
    try {
      const { orders } = await ask("GET", `/v1/orders?${query}`);
      if (round === this.round) this.draw(orders);
    } catch (error) {
      if (round === this.round) $("orders-problem").textContent = error.message;
    }
  }

  draw(orders) {
    for (const order of orders) {
      const unsure = this.unsure.get(order.order_id);
      if (order.refunds.some((refund) => refund.request_id === unsure)) this.unsure.delete(order.order_id);
    }
    $("orders-list").replaceChildren(...orders.map((order) => this.row(order)));
    $("orders-note").textContent =
      orders.length === 0 ? "No such bill on that day."
        : orders.length === SHOWN_MAX ? `The newest ${SHOWN_MAX}. Name the amount to find an older one.` : "";
  }

  row(order) {
    const row = document.createElement("tr");
    const { word, kind } = wordsOf(order);
    row.dataset.state = kind;
    row.dataset.order = order.order_id;
    const time = clockTime(order.opened_at);
    row.append(
      cell("time", time),
      cell("bill", itemsOf(order), order.order_id),
      cell("money", withCurrency(order.amount, order.currency)),
      cell("state", word, [reasonText(order), refundedText(order)].filter(Boolean).join(" ")),
      this.actions(order, time),
    );
    return row;
  }

  actions(order, time) {
    const actions = cell("actions", "");
    const which = `the bill of ${time}, ${order.amount}`;
    const add = (text, act) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = text;
      made.setAttribute("aria-label", `${text}: ${which}`);
      made.addEventListener("click", act);
      actions.append(made);
    };
    if (order.state === "paid") add("Receipt", () => this.receipt(order.order_id));
    if (parseSum(order.refundable)) add("Refund", () => this.refund(order));
    if (["open", "in_flight", "unknown"].includes(order.state)) add("Look at it", () => this.watch(order));
    return actions;
  }

  /** One request id until an answer came: sending again after a lost one is the same refund. */
  async refund(order) {
    const requestId = this.unsure.get(order.order_id) ?? newRequestId();
    let told = "";
    await asStaff(
      {
        title: "Refund",
        text: `Up to ${withCurrency(order.refundable, order.currency)} of the bill ${order.order_id}.`,
        amount: order.refundable,
        go: "Give back",
      },
      async (who) => {
        const path = `/v1/orders/${encodeURIComponent(order.order_id)}/refunds`;
        this.unsure.set(order.order_id, requestId);
        try {
          const { refund } = await ask("POST", path, { ...who, request_id: requestId });
          told = refundText(refund, order.currency);
          this.unsure.delete(order.order_id);
        } catch (error) {
          if (error.code === "refund_request_differs") {
            error.message = "A refund of another sum went through before. Cancel, and look at the bill again.";
          } else if (error.status !== 0 && error.status < 500) {
            this.unsure.delete(order.order_id);
          }
          throw error;
        }
      },
    );
    // Also after "cancel": an answer may have been lost, and the list says how it is.
    await this.show(told);
  }
}

function refundText(refund, currency) {
  const sum = withCurrency(refund.amount, currency);
  if (refund.way === "manual" && refund.state === "pending") {
    return `Task ${refund.number}: transfer ${sum} to the customer with the text ${refund.reference}.`;
  }
  if (refund.state === "done") return `${sum} went back to the customer.`;
  if (refund.state === "not_done") return `NOT given back: the bank refused. ${reasonText(refund)}`;
  return `The bank has not confirmed the refund of ${sum} yet; it is asked again.`;
}

/** What went back is not the same as what somebody still has to transfer. */
function refundedText({ refunds }) {
  const sumOf = (...states) =>
    refunds.filter((it) => states.includes(it.state)).reduce((sum, it) => sum + parseSum(it.amount), 0);
  const [done, open] = [sumOf("done"), sumOf("pending", "unknown")];
  return [
    done ? `${formatSum(done)} given back.` : "", open ? `${formatSum(open)} still to go back.` : "",
  ].filter(Boolean).join(" ");
}

function clockTime(text) {
  const at = new Date(text);
  return [at.getHours(), at.getMinutes()].map((it) => String(it).padStart(2, "0")).join(":");
}

function itemsOf(order) {
  const shown = order.lines.slice(0, ITEMS_SHOWN).map((line) => line.text);
  const more = order.lines.length - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function cell(kind, text, small = "") {
  const made = document.createElement("td");
  made.className = kind;
  const span = document.createElement("span");
  span.dir = "auto";
  span.textContent = text;
  made.append(span);
  if (small) {
    const below = document.createElement("small");
    below.textContent = small;
    made.append(below);
  }
  return made;
}

function newRequestId() {
  return `r${Array.from(crypto.getRandomValues(new Uint8Array(7)), (it) => it.toString(16).padStart(2, "0")).join("")}`;
}

/** The local day, as a date field writes it. */
export function today() {
  const now = new Date();
  return [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((it) => String(it).padStart(2, "0")).join("-");
}
