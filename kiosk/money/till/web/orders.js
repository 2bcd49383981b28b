// The orders of a day: how each ended, its receipt, and giving money back.

import { ask } from "./api.js";
import { parseSum, withCurrency } from "./money.js";
import { asStaff } from "./staff.js";
import { reasonText, stateWords } from "./words.js";

const $ = (id) => document.getElementById(id);

export class OrdersView {
  constructor({ receipt, watch }) {
    this.receipt = receipt;
    this.watch = watch;
    $("orders-find").addEventListener("click", () => this.show());
  }

  async show() {
    $("orders-day").value ||= today();
    $("orders-problem").textContent = "";
    const amount = $("orders-amount").value.trim().replace(",", ".");
    if (amount && !parseSum(amount)) {
      $("orders-problem").textContent = "Type an amount like 12.50.";
      return;
    }
    const query = new URLSearchParams({ day: $("orders-day").value, ...(amount ? { amount } : {}) });
    try {
      const { orders } = await ask("GET", `/v1/orders?${query}`);
      $("orders-list").replaceChildren(...orders.map((order) => this.row(order)));
      $("orders-empty").hidden = orders.length > 0;
    } catch (error) {
      $("orders-problem").textContent = error.message;
    }
  }

  row(order) {
    const row = document.createElement("tr");
    row.dataset.state = order.state;
    row.dataset.order = order.order_id;
    const refunded = parseSum(order.refunded) ? ` – ${order.refunded} given back` : "";
    const texts = [
      new Date(order.opened_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }),
      order.order_id,
      withCurrency(order.amount, order.currency),
      [stateWords(order.state).word + refunded, reasonText(order.reason)].filter(Boolean).join(". "),
    ];
    for (const [index, text] of texts.entries()) {
      const cell = document.createElement("td");
      cell.textContent = text;
      if (index === 2) cell.className = "money";
      row.append(cell);
    }
    const actions = document.createElement("td");
    if (order.state === "paid") actions.append(button("Receipt", () => this.receipt(order.order_id)), " ");
    if (parseSum(order.refundable)) actions.append(button("Refund", () => this.refund(order)));
    if (["open", "in_flight", "unknown"].includes(order.state)) {
      actions.append(button("Look at it", () => this.watch(order)));
    }
    row.append(actions);
    return row;
  }

  /** One request id a dialog: sending again after a lost answer is the same refund. */
  async refund(order) {
    const requestId = `r${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;
    const done = await asStaff(
      {
        title: "Refund",
        text: `Up to ${withCurrency(order.refundable, order.currency)} of order ${order.order_id}.`,
        amount: order.refundable,
      },
      async (who) => {
        const path = `/v1/orders/${encodeURIComponent(order.order_id)}/refunds`;
        const { refund } = await ask("POST", path, { ...who, request_id: requestId });
        this.told = refundText(refund, order.currency);
      },
    );
    if (done) {
      await this.show();
      $("orders-problem").textContent = this.told;
    }
  }
}

function refundText(refund, currency) {
  const sum = withCurrency(refund.amount, currency);
  if (refund.way === "manual" && refund.state === "pending") {
    return `Task ${refund.number}: transfer ${sum} to the customer with the reference ${refund.reference}.`;
  }
  if (refund.state === "done") return `${sum} went back to the customer.`;
  if (refund.state === "not_done") return `The bank refused the refund. ${reasonText(refund.reason)}`;
  return `The bank has not confirmed the refund of ${sum} yet; it is asked again.`;
}

function button(text, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}

/** The local day, as a date field writes it. */
export function today() {
  const now = new Date();
  return [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((it) => String(it).padStart(2, "0")).join("-");
}
