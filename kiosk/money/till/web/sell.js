// Typing an amount, picking from the menu, sending the bill to the kiosk.

import { ask } from "./api.js";
import { Bill } from "./bill.js";
import { formatSum, parseSum, withCurrency } from "./money.js";

const $ = (id) => document.getElementById(id);
const DIGITS_MAX = 8;
const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "00", "0", "⌫"];

export class SellView {
  /**
   * @param {{currency: string}} till
   * @param {(order: object) => void} sent called with the order that the kiosk shows now
   */
  constructor(till, sent) {
    this.till = till;
    this.sent = sent;
    this.digits = "";
    this.bill = new Bill(() => this.draw());
    this.drawKeypad();
    $("clear").addEventListener("click", () => this.bill.clear());
    $("send").addEventListener("click", () => this.send());
  }

  /** Read the menu; a till without one, or with a bad one, still takes typed amounts. */
  async open() {
    this.draw();
    $("sell-problem").textContent = "";
    $("menu-card").hidden = true;
    try {
      this.drawMenu((await ask("GET", "/v1/menu")).items);
    } catch (error) {
      if (error.status === 401 || error.status === 403) throw error;
      $("sell-problem").textContent = error.message;
    }
  }

  drawKeypad() {
    for (const sign of KEYS) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = sign;
      if (sign === "⌫") button.setAttribute("aria-label", "Delete the last digit");
      button.addEventListener("click", () => this.typed(sign));
      $("keypad").append(button);
    }
    const add = document.createElement("button");
    add.type = "button";
    add.id = "add-amount";
    add.className = "add";
    add.textContent = "Add to the bill";
    add.addEventListener("click", () => {
      if (this.bill.add("Amount", Number(this.digits || "0"))) this.typed("");
    });
    $("keypad").append(add);
  }

  typed(sign) {
    if (sign === "⌫") this.digits = this.digits.slice(0, -1);
    else if (sign === "") this.digits = "";
    else if ((this.digits + sign).length <= DIGITS_MAX) this.digits = (this.digits + sign).replace(/^0+/, "");
    $("typed").textContent = formatSum(Number(this.digits || "0"));
  }

  drawMenu(items) {
    $("menu").replaceChildren();
    $("menu-card").hidden = items.length === 0;
    for (const group of new Set(items.map((item) => item.group))) {
      const heading = document.createElement("h3");
      heading.textContent = group || "Items";
      const grid = document.createElement("div");
      for (const item of items.filter((it) => it.group === group)) grid.append(this.menuButton(item));
      $("menu").append(heading, grid);
    }
  }

  menuButton({ item, price }) {
    const button = document.createElement("button");
    button.type = "button";
    for (const text of [item, price]) {
      const span = document.createElement("span");
      span.textContent = text;
      button.append(span);
    }
    button.addEventListener("click", () => this.bill.add(item, parseSum(price)));
    return button;
  }

  draw() {
    $("bill").replaceChildren(...this.bill.lines.map((line, index) => this.billLine(line, index)));
    $("bill-empty").hidden = this.bill.lines.length > 0;
    $("total").textContent = withCurrency(formatSum(this.bill.total), this.till.currency);
    $("send").disabled = this.bill.total === 0;
    $("clear").disabled = this.bill.lines.length === 0;
  }

  billLine(line, index) {
    const row = document.createElement("li");
    const [text, sum, remove] = ["span", "span", "button"].map((tag) => document.createElement(tag));
    text.textContent = line.text;
    sum.textContent = formatSum(line.minorUnits);
    remove.type = "button";
    remove.textContent = "✕";
    remove.setAttribute("aria-label", `Remove ${line.text}`);
    remove.addEventListener("click", () => this.bill.remove(index));
    row.append(text, sum, remove);
    return row;
  }

  /**
   * Send the bill. The id is drawn here and kept until the bill changes, so that sending again
   * after a lost answer is the same order and never a second one.
   */
  async send() {
    const content = JSON.stringify(this.bill.lines);
    if (this.pending?.content !== content) this.pending = { content, id: newOrderId() };
    $("send").disabled = true;
    $("sell-problem").textContent = "";
    try {
      const order = await ask("POST", "/v1/orders", {
        order_id: this.pending.id,
        amount: formatSum(this.bill.total),
        lines: this.bill.lines.map(({ text, minorUnits }) => ({ text, amount: formatSum(minorUnits) })),
      });
      this.pending = undefined;
      this.bill.clear();
      this.sent(order);
    } catch (error) {
      $("sell-problem").textContent =
        error.status === 0 ? "The till does not answer. Send again: it stays one and the same bill." : error.message;
      $("send").disabled = false;
    }
  }
}

function newOrderId() {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  return `t-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
