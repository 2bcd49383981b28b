// The totals of a day, and what is still open.

import { ask } from "./api.js";
import { withCurrency } from "./money.js";
import { today } from "./orders.js";
import { stateWords } from "./words.js";

const $ = (id) => document.getElementById(id);

export class DayView {
  constructor() {
    $("totals-show").addEventListener("click", () => this.show());
  }

  async show() {
    $("totals-day").value ||= today();
    $("day-problem").textContent = "";
    try {
      this.draw(await ask("GET", `/v1/totals?day=${encodeURIComponent($("totals-day").value)}`));
    } catch (error) {
      $("day-problem").textContent = error.message;
    }
  }

  draw(totals) {
    const rows = [
      ["Received", totals.received],
      ["Given back", totals.refunded],
      ["Net", { count: "", amount: totals.net }],
      ["Refunds under way", totals.refunds_open],
      ...Object.entries(totals.orders).map(([state, sum]) => [`Orders: ${stateWords(state).word}`, sum]),
    ];
    $("totals-list").replaceChildren(...rows.map(([name, sum]) => row(name, sum, totals.currency)));
    $("totals-open").replaceChildren();
    if (totals.open.length === 0) $("totals-open").textContent = "Nothing is open.";
    for (const item of totals.open) {
      const line = document.createElement("p");
      line.textContent = `${item.item}: ${withCurrency(item.amount, totals.currency)}. ${item.mend}`;
      $("totals-open").append(line);
    }
  }
}

function row(name, { count, amount }, currency) {
  const made = document.createElement("tr");
  for (const [index, text] of [name, String(count), withCurrency(amount, currency)].entries()) {
    const cell = document.createElement("td");
    cell.textContent = text;
    if (index > 0) cell.className = "money";
    made.append(cell);
  }
  return made;
}
