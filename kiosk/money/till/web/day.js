// The totals of a day, and what somebody still has to look after.

import { ask } from "./api.js";
import { withCurrency } from "./money.js";
import { today } from "./orders.js";
import { OPEN_KINDS, wordsOf } from "./words.js";

const $ = (id) => document.getElementById(id);

export class DayView {
  constructor() {
    this.round = 0;
    $("day-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.show();
    });
  }

  async show() {
    $("totals-day").value ||= today();
    $("day-problem").textContent = "";
    const round = ++this.round;
    try {
      const totals = await ask("GET", `/v1/totals?day=${encodeURIComponent($("totals-day").value)}`);
      if (round === this.round) this.draw(totals);
    } catch (error) {
      if (round === this.round) $("day-problem").textContent = error.message;
    }
  }

  draw(totals) {
    const rows = [
      ["Received", totals.received, "received"],
      ["Given back", totals.refunded, "refunded"],
      ["Net", { count: "", amount: totals.net }, "net"],
      ["Refunds under way", totals.refunds_open, "refunds-open"],
      ...Object.entries(totals.orders)
        .filter(([, sum]) => sum.count > 0)
        .map(([state, sum]) => [`Bills: ${wordsOf({ state }).word}`, sum, `state-${state}`]),
    ];
    $("totals-list").replaceChildren(...rows.map((it) => row(it, totals.currency)));
    $("totals-open").replaceChildren(...totals.open.map((item) => openItem(item, totals.currency)));
    if (totals.open.length === 0) $("totals-open").append(entry("Nothing. Every bill has an end."));
  }
}

function row([name, { count, amount }, kind], currency) {
  const made = document.createElement("tr");
  made.dataset.sum = kind;
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = name;
  made.append(head);
  for (const text of [String(count), withCurrency(amount, currency)]) {
    const cell = document.createElement("td");
    cell.className = "money";
    cell.textContent = text;
    made.append(cell);
  }
  return made;
}

function openItem(item, currency) {
  const what = OPEN_KINDS[item.kind] ?? item.kind.replaceAll("_", " ");
  return entry(`${what}: ${withCurrency(item.amount, currency)} (${item.item}). ${item.mend}`);
}

function entry(text) {
  const made = document.createElement("li");
  made.textContent = text;
  return made;
}
