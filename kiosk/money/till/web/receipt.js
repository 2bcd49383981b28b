// A receipt as text, to look at or to print from the browser.

import { ask } from "./api.js";

const $ = (id) => document.getElementById(id);

$("receipt-close").addEventListener("click", () => $("receipt-dialog").close());
$("receipt-print").addEventListener("click", () => window.print());

/** Show the customer's copy of an order's receipt. */
export async function showReceipt(orderId) {
  $("receipt-text").textContent = "…";
  $("receipt-dialog").showModal();
  try {
    $("receipt-text").textContent = await ask("GET", `/v1/receipts/${encodeURIComponent(orderId)}?copy=customer&format=text`);
  } catch (error) {
    $("receipt-text").textContent = error.message;
  }
}
