// Typing an amount, picking from the menu, sending the bill to the kiosk.

import { ask } from "./api.js";
import { Bill } from "./bill.js";
import { formatSum, parseSum, withCurrency } from "./money.js";

const $ = (id) => document.getElementById(id);
const DIGITS_MAX = 8;
const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "00", "0", "⌫"];

export class SellView {
  /**
   * @param {(order: object) => void} sent called with the order that the kiosk shows now
   * @param {(order: object) => void} watch called with an order that somebody wants to look at
   */
  constructor({ sent, watch }) {
    this.sent = sent;
    this.watch = watch;
    this.currency = "";
    this.most = Infinity;
    this.digits = "";
    this.busy = "";
    this.menu = "";
    this.bill = new Bill(() => this.draw());
    this.drawKeypad();
    $("clear").addEventListener("click", () => this.bill.clear());
    $("send").addEventListener("click", () => this.send());
    $("busy-look").addEventListener("click", () => this.lookAtBusy());
    document.addEventListener("keydown", (event) => this.pressed(event));
  }

  /** Take what the till says of itself. */
  setUp({ currency, amount_max: most, in_progress: busy }) {
    this.currency = currency;
    this.most = parseSum(most) ?? Infinity;
    this.showBusy(busy);
  }

  /** Go on with a bill that was sent before a reload; says whether the till has it. */
  async resume() {
    if (!this.bill.sentAs) return false;
    try {
      const order = await ask("GET", `/v1/orders/${encodeURIComponent(this.bill.sentAs)}`);
      this.bill.clear();
      this.sent(order);
      return true;
    } catch (error) {
      if (error.status !== 404) throw error;
      return false;
    }
  }

  load(lines) {
    this.bill.change(lines);
  }

  /** Draw the bill, and read the menu anew: a price may have changed. A till without a menu, or
   * with a bad one, still takes typed amounts. */
  async show() {
    this.draw();
    try {
      this.drawMenu((await ask("GET", "/v1/menu")).items);
    } catch (error) {
      if (error.status !== 0) this.drawMenu([]);
      if (error.code === "menu_bad" || error.code === "menu_unreadable") this.say(error.message);
    }
  }

  /** Take news of an order: is the kiosk busy with it? */
  heard(news) {
    if (news.state === "open" || news.state === "in_flight") this.showBusy(news.order_id);
    else if (news.order_id === this.busy) this.showBusy("");
  }

  showBusy(orderId) {
    this.busy = orderId;
    $("busy").hidden = !orderId;
    $("busy-text").textContent = orderId ? `The kiosk is busy with bill ${orderId}.` : "";
  }

  /** Ask what the kiosk is busy with; the news may have been missed. */
  async lookWhoIsBusy() {
    try {
      this.showBusy((await ask("GET", "/v1/diagnosis")).in_progress);
    } catch {
      // The refusal is on the page already, with the bill's id in its words.
    }
  }

  async lookAtBusy() {
    try {
      this.watch(await ask("GET", `/v1/orders/${encodeURIComponent(this.busy)}`));
    } catch (error) {
      this.say(error.message);
    }
  }

  say(text) {
    $("sell-problem").textContent = text;
  }

  drawKeypad() {
    const add = (sign, act) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = sign;
      button.addEventListener("click", act);
      $("keypad").append(button);
      return button;
    };
    for (const sign of KEYS) {
      const button = add(sign, () => this.typed(sign));
      if (sign === "⌫") button.setAttribute("aria-label", "Delete the last digit");
    }
    const button = add("Add to the bill", () => this.add("Amount", Number(this.digits || "0")));
    button.id = "add-amount";
    button.className = "add";
  }

  /** Digits of a keyboard are typed wherever the focus is, but not into a field or a dialog. */
  pressed(event) {
    const isFree = !$("sell").hidden && !$("sell").inert && !document.querySelector("dialog[open]");
    if (!isFree || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^[0-9]$/.test(event.key)) this.typed(event.key);
    if (event.key === "Backspace") this.typed("⌫");
  }

  typed(sign) {
    if (sign === "⌫") this.digits = this.digits.slice(0, -1);
    else if (sign === "") this.digits = "";
    else if ((this.digits + sign).length <= DIGITS_MAX) this.digits = (this.digits + sign).replace(/^0+/, "");
    $("typed").textContent = formatSum(Number(this.digits || "0"));
  }

  add(text, minorUnits) {
    if (minorUnits === 0) this.say("Type an amount first.");
    else if (!this.bill.add(text, minorUnits)) this.say("The bill is full: send it, then begin another.");
    else this.typed("");
  }

  drawMenu(items) {
    const menu = JSON.stringify(items);
    if (menu === this.menu) return;
    this.menu = menu;
    $("menu").replaceChildren();
    $("menu-card").hidden = items.length === 0;
    for (const group of new Set(items.map((item) => item.group))) {
      const heading = document.createElement("h3");
      heading.dir = "auto";
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
      span.dir = "auto";
      span.textContent = text;
      button.append(span);
    }
    button.addEventListener("click", () => this.add(item, parseSum(price)));
    return button;
  }

  draw() {
    const { lines, total } = this.bill;
    $("bill").replaceChildren(...lines.map((line, index) => this.billLine(line, index)));
    $("bill").lastElementChild?.scrollIntoView({ block: "nearest" });
    $("bill-empty").hidden = lines.length > 0;
    $("total").textContent = withCurrency(formatSum(total), this.currency);
    $("send").disabled = total === 0 || total > this.most;
    $("clear").disabled = lines.length === 0;
    this.say(
      total > this.most
        ? `This kiosk takes at most ${withCurrency(formatSum(this.most), this.currency)} for one bill.` : "",
    );
  }

  billLine(line, index) {
    const row = document.createElement("li");
    const [text, sum, remove] = ["span", "span", "button"].map((tag) => document.createElement(tag));
    text.dir = "auto";
    text.textContent = line.text;
    sum.textContent = formatSum(line.minorUnits);
    remove.type = "button";
    remove.textContent = "✕";
    remove.setAttribute("aria-label", `Remove ${line.text}`);
    remove.addEventListener("click", () => {
      this.bill.remove(index);
      ($("bill").querySelectorAll("button")[Math.max(0, index - 1)] ?? $("sell")).focus();
    });
    row.append(text, sum, remove);
    return row;
  }

  async send() {
    const { lines, total } = this.bill;
    const body = {
      order_id: this.bill.id(),
      amount: formatSum(total),
      lines: lines.map(({ text, minorUnits }) => ({ text, amount: formatSum(minorUnits) })),
    };
    this.say("");
    $("send").textContent = "Sending…";
    // What is added while it is on its way would be on no bill at all.
    $("sell").inert = true;
    try {
      const order = await ask("POST", "/v1/orders", body);
      this.bill.clear();
      this.sent(order);
    } catch (error) {
      this.say(
        error.status === 0
          ? "The till does not answer. Send again: it stays one and the same bill." : error.message,
      );
      if (error.code === "busy") this.lookWhoIsBusy();
    } finally {
      $("sell").inert = false;
      $("send").textContent = "Send to the kiosk";
      if (!$("sell").hidden) $("send").focus();
    }
  }
}
