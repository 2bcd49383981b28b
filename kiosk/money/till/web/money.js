// Sums of money as whole minor units; text only at the edge. No float ever holds an amount.

export const UNITS = 100;
export const SUM_MAX = 99_999_999; // 999,999.99: more is a slip of the finger, and the till refuses it sooner

/** Read "12.5", "12,50" or "12" as minor units; null if it is no sum of money. */
export function parseSum(text) {
  const found = /^\s*(\d{1,6})(?:[.,](\d{1,2}))?\s*$/.exec(text);
  if (!found) return null;
  return Number(found[1]) * UNITS + Number((found[2] ?? "").padEnd(2, "0"));
}

/** Write minor units as "12.50", the way the till reads and writes sums. */
export function formatSum(minorUnits) {
  const digits = String(minorUnits).padStart(3, "0");
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** Write an amount of the till with its currency. */
export function withCurrency(text, currency) {
  return currency ? `${text} ${currency}` : text;
}
