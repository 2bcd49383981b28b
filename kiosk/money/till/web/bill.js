// The bill that is being typed. It knows nothing of the page; `changed` is called after each change.

import { SUM_MAX } from "./money.js";

const LINES_MAX = 100; // the till takes no more

export class Bill {
  constructor(changed) {
    this.lines = [];
    this.changed = changed;
  }

  get total() {
    return this.lines.reduce((sum, line) => sum + line.minorUnits, 0);
  }

  /** Add a line; returns false where the bill is full. */
  add(text, minorUnits) {
    if (this.lines.length >= LINES_MAX || this.total + minorUnits > SUM_MAX || minorUnits <= 0) return false;
    this.lines.push({ text, minorUnits });
    this.changed();
    return true;
  }

  remove(index) {
    this.lines.splice(index, 1);
    this.changed();
  }

  clear() {
    this.lines = [];
    this.changed();
  }
}
