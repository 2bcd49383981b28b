// The simple till: puts the views together, signs in and out, listens to the news of orders.

import { ask, key, listen } from "./api.js";
import { DayView } from "./day.js";
import { OrdersView } from "./orders.js";
import { PayingView } from "./paying.js";
import { showReceipt } from "./receipt.js";
import { SellView } from "./sell.js";

const $ = (id) => document.getElementById(id);
const VIEWS = ["sign-in", "sell", "paying", "orders", "day"];

const till = { currency: "" };
let stop = new AbortController();

const paying = new PayingView({
  ended: () => show("sell"),
  began: () => show("paying"),
  receipt: showReceipt,
});
const sell = new SellView(till, (order) => paying.begin(order));
const orders = new OrdersView({ receipt: showReceipt, watch: (order) => paying.begin(order) });
const day = new DayView();

function show(name) {
  for (const view of VIEWS) $(view).hidden = view !== name;
  const chosen = name === "paying" ? "sell" : name;
  for (const button of document.querySelectorAll("nav button")) {
    button.classList.toggle("is-chosen", button.dataset.view === chosen);
    button.disabled = name === "sign-in";
  }
  $("sign-out").hidden = name === "sign-in";
  if (name === "orders") orders.show();
  if (name === "day") day.show();
}

function showLink(isOn, status) {
  $("link").dataset.state = isOn ? "on" : "off";
  $("link").textContent = isOn ? "Connected" : status ? "The key is not accepted" : "Not connected: trying again";
  // What was told while the connection was away is not in the stream's memory for ever: look.
  if (isOn) paying.look();
}

async function open() {
  const found = await ask("GET", "/v1/diagnosis");
  if (found.role !== "staff") {
    throw new Error("This key is for a till system. The tablet needs one made with --role staff.");
  }
  till.currency = found.currency;
  document.title = `SmileTill – ${found.payee}`;
  await sell.open();
  stop = new AbortController();
  listen((event) => paying.heard(event), showLink, stop.signal);
  if (!(await paying.resume())) show("sell");
}

$("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("key-problem").textContent = "";
  key.set($("key").value.trim());
  try {
    await open();
    $("key").value = "";
  } catch (error) {
    key.forget();
    $("key-problem").textContent = error.message;
  }
});

$("sign-out").addEventListener("click", () => {
  stop.abort();
  key.forget();
  showLink(false);
  $("link").textContent = "Not connected";
  show("sign-in");
});

for (const button of document.querySelectorAll("nav button")) {
  button.addEventListener("click", () => {
    show(button.dataset.view === "sell" && paying.isOn ? "paying" : button.dataset.view);
  });
}

show("sign-in");
if (key.get()) open().catch(() => key.forget());
