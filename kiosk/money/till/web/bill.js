// The bill that is being typed, and the id it was sent under. It knows nothing of the page;
// `changed` is called after each change. It survives a reload of the tab.

import { SUM_MAX } from "./money.js";

const BILL_NAME = "smiletill-bill";
const LINES_MAX = 100; // the till takes no more

export class Bill {
  constructor(changed) {
    this.changed = changed;
    this.lines = [];
    this.sentAs = "";
    this.restore();
  }

  get total() {
    return this.lines.reduce((sum, line) => sum + line.minorUnits, 0);
  }

  /** Add a line; returns false where the bill is full. */
  add(text, minorUnits) {
    if (this.lines.length >= LINES_MAX || this.total + minorUnits > SUM_MAX || minorUnits <= 0) return false;
    this.change([...this.lines, { text, minorUnits }]);
    return true;
  }

  remove(index) {
    this.change(this.lines.filter((_, place) => place !== index));
  }

  clear() {
    this.change([]);
  }

  /**
   * The id to send this bill under. It is drawn once and kept, also through a reload, until the
   * bill changes: sending again after a lost answer is the same order and never a second one, and
   * the same items for the next customer are never the order before.
   */
  id() {
    this.sentAs ||= newOrderId();
    this.keep();
    return this.sentAs;
  }

  change(lines) {
    this.lines = lines;
    this.sentAs = "";
    this.keep();
    this.changed();
  }

  keep() {
    sessionStorage.setItem(BILL_NAME, JSON.stringify({ lines: this.lines, sentAs: this.sentAs }));
  }

  restore() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(BILL_NAME));
      if (Array.isArray(kept?.lines)) {
        this.lines = kept.lines;
        this.sentAs = String(kept.sentAs);
      }
    } catch {
      // Nobody else writes there; a bill that cannot be read is typed again.
    }
  }
}

function newOrderId() {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  return `t-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
