// What each state of an order is called, and what staff should do about it.

export const STATES = {
  open: { word: "At the kiosk", sign: "…", help: "The customer can pay now. The kiosk shows this bill." },
  in_flight: { word: "Paying…", sign: "…", help: "The bank has the payment. Wait for its word; take no other money." },
  paid: { word: "PAID", sign: "✓", help: "" },
  not_paid: { word: "NOT PAID", sign: "✗", help: "" },
  unknown: {
    word: "UNKNOWN",
    sign: "?",
    help: "The bank has not said. Take no second payment for this bill without asking: it may have been paid. "
      + "This page changes by itself when the bank’s word comes.",
  },
  cancelled: { word: "NOT PAID – taken back", sign: "✗", help: "Nothing was charged." },
  paid_elsewhere: { word: "Paid another way", sign: "✓", help: "The kiosk charges nothing for this bill." },
};

const REASONS = {
  refund_due: "It was also charged by smile: give that money back.",
  settlement_reversed: "The bank took a payment back that it had confirmed.",
  limit_per_payment: "Above the customer’s limit for one payment.",
  limit_per_day: "Above the customer’s limit for one day.",
  insufficient_funds: "The account does not cover it.",
  bank_unreachable: "The bank could not be reached; nothing was charged.",
  authentication_required: "The bank wants the customer’s own confirmation: use another way to pay.",
};

/** Say a reason code in words; an unknown code is shown as it is, for whoever has to look it up. */
export function reasonText(code) {
  if (!code || code === "settled") return "";
  return REASONS[code] ?? `Reason: ${code.replaceAll("_", " ")}.`;
}

/** The words of a state, with a plain fallback for one that this page does not know. */
export function stateWords(state) {
  return STATES[state] ?? { word: state, sign: "?", help: "Ask staff." };
}
