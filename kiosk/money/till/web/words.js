// What each state of an order is called, and what staff should do about it.

const STATES = {
  open: { word: "At the kiosk", sign: "…", help: "The customer can pay now." },
  in_flight: { word: "Paying…", sign: "…", help: "The bank has the payment. Wait; take no other money." },
  paid: { word: "PAID", sign: "✓", help: "" },
  not_paid: {
    word: "NOT PAID",
    sign: "✗",
    help: "The bill is still at the kiosk: the customer may try again, or pay another way.",
  },
  unknown: {
    word: "UNKNOWN",
    sign: "?",
    help: "The bank has not said whether this was paid. Take no other money for it yet. "
      + "This page changes by itself when the bank’s word comes.",
  },
  cancelled: { word: "NOT PAID – taken back", sign: "✗", help: "Nobody can pay this bill any more." },
  paid_elsewhere: { word: "Paid another way", sign: "✓", help: "The kiosk charges nothing for this bill." },
  refund_due: {
    word: "GIVE BACK",
    sign: "!",
    help: "This bill was closed, and a smile payment came in as well. Refund it under Orders.",
  },
};

const REASONS = {
  settlement_reversed: "The bank took back a payment that it had confirmed.",
  settled_after_not_paid: "It was said not to be paid before. If the customer paid another way too, refund this.",
  refunded: "The smile payment went back.",
  nobody_came: "Nobody came to pay.",
  customer_cancelled: "The customer cancelled at the kiosk.",
  limit_per_payment: "Above the customer’s limit for one payment.",
  limit_per_day: "Above the customer’s limit for one day.",
  limit_period: "Above the customer’s limit.",
  limit_at_bank: "Above the limit that the bank sets.",
  insufficient_funds: "The account does not cover it.",
  card_expired: "The card has expired.",
  currency_mismatch: "The account is in another currency.",
  declined: "The bank declined.",
  declined_by_bank: "The bank declined.",
  mandate_unknown: "The customer’s account is not connected.",
  mandate_pending: "The customer’s bank has not confirmed the account yet.",
  mandate_suspended: "The customer’s permission is suspended.",
  mandate_revoked: "The customer’s account was disconnected.",
  mandate_expired: "The customer’s permission has expired.",
  mandate_rejected: "The customer’s bank refused the permission.",
  bank_unreachable: "The bank could not be reached; nothing was charged.",
  never_arrived: "The payment never reached the bank; nothing was charged.",
  authentication_required: "The bank wants the customer’s own confirmation: use another way to pay.",
};

// What the state's own words say already.
const SAID = new Set(["", "settled", "till_abort", "closed_by_staff", "refund_due", "no_answer", "bank_pending"]);

export const OPEN_KINDS = {
  in_flight: "Being paid",
  unknown: "Unknown",
  refund_due: "To be given back",
  late_settlement: "Paid late",
  refund_task: "Transfer to make",
  refund_unknown: "Refund not confirmed",
  conflict: "Statement does not fit",
};

/** Say a reason in words; an unknown code is shown as it is, for whoever has to look it up. */
export function reasonText({ reason }) {
  if (!reason || SAID.has(reason)) return "";
  return REASONS[reason] ?? `Reason: ${reason.replaceAll("_", " ")}.`;
}

/**
 * The words of an order, of its news, or of a bare state; `kind` is the colour's name.
 * An open order that was tried and declined is NOT PAID for staff; one that nobody tried is not.
 */
export function wordsOf({ state, reason = "", attempts = 0 }) {
  let kind = state;
  if (state === "open" && (attempts > 0 || reason)) kind = "not_paid";
  if (reason === "refund_due") kind = "refund_due";
  const words = STATES[kind] ?? { word: state, sign: "?", help: "Ask the owner." };
  const help = [reasonText({ reason }), words.help].filter(Boolean).join(" ");
  return { ...words, help, kind };
}
