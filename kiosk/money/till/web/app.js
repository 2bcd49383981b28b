// The simple till: puts the views together, signs in and out, hands on the news of orders.

import { TillError, ask, key, listen } from "./api.js";
import { DayView } from "./day.js";
import { lateNews } from "./notices.js";
import { OrdersView } from "./orders.js";
import { PayingView } from "./paying.js";
import { showReceipt } from "./receipt.js";
import { SellView } from "./sell.js";

const $ = (id) => document.getElementById(id);
const VIEWS = ["waiting", "sign-in", "sell", "paying", "orders", "day"];
const AGAIN_MS = 2_000;

let stop = new AbortController();

const paying = new PayingView({
  began: () => show("paying"),
  ended: () => show("sell"),
  again: (lines) => sell.load(lines),
  receipt: showReceipt,
});
const watch = (order) => paying.begin(order);
const sell = new SellView({ sent: watch, watch });
const orders = new OrdersView({ receipt: showReceipt, watch });
const day = new DayView();

function show(name) {
  for (const view of VIEWS) $(view).hidden = view !== name;
  const chosen = name === "paying" ? "sell" : name;
  const isIn = !["sign-in", "waiting"].includes(name);
  for (const button of document.querySelectorAll("nav button")) {
    button.classList.toggle("is-chosen", button.dataset.view === chosen);
    if (button.dataset.view === chosen) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
    button.disabled = !isIn;
  }
  $("sign-out").hidden = $("link").hidden = !isIn;
  if (name === "sell") sell.show();
  if (name === "orders") orders.show();
  if (name === "day") day.show();
  // What had the focus may be hidden now; a keyboard goes on from the view.
  (name === "sign-in" ? $("key") : $(name)).focus();
}

function showLink(isOn, status) {
  $("link").dataset.state = isOn ? "on" : "off";
  $("link").textContent = isOn
    ? "Connected"
    : status ? "This key is not accepted any more: sign out" : "Not connected: trying again";
  if (isOn) paying.look();
}

function takeNews(event) {
  if (event.name !== "order") {
    paying.look();
    return;
  }
  const news = JSON.parse(event.data);
  sell.heard(news);
  if (!paying.heard(news) && news.late) lateNews(news, watch);
}

/** Go in with the key that the tab has. Nothing has begun where it throws. */
async function open() {
  const found = await ask("GET", "/v1/diagnosis");
  if (found.role !== "staff") {
    throw new TillError(
      403, "staff_only", "This key is for a till system.", "The tablet needs one that was made with --role staff.",
    );
  }
  $("payee").textContent = found.payee;
  document.title = `${found.payee} – SmileTill`;
  sell.setUp(found);
  const begun = (await paying.resume()) || (await sell.resume());
  stop.abort();
  stop = new AbortController();
  listen(takeNews, showLink, stop.signal);
  if (!begun) show("sell");
}

/** After a reload: go on where this tab was, and wait for a till that does not answer. */
async function comeBack() {
  show("waiting");
  while (key.get()) {
    try {
      await open();
      return;
    } catch (error) {
      if (error instanceof TillError && error.isKeyRefused) {
        key.forget();
        show("sign-in");
        $("key-problem").textContent = error.message;
        return;
      }
      $("waiting-text").textContent = "The till does not answer yet. This page tries again by itself.";
    }
    await new Promise((done) => setTimeout(done, AGAIN_MS));
  }
}

$("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("key-problem").textContent = "";
  $("key-go").disabled = true;
  key.set($("key").value.trim());
  try {
    await open();
    $("key").value = "";
  } catch (error) {
    key.forget();
    $("key-problem").textContent =
      error.code === "key_wrong" ? "This key is not accepted. Check every letter, or ask the owner for a new one."
        : error.status === 0 ? "The till does not answer. Try again in a moment." : error.message;
  } finally {
    $("key-go").disabled = false;
  }
});

$("sign-out").addEventListener("click", () => $("leave-dialog").showModal());
$("leave-stay").addEventListener("click", () => $("leave-dialog").close());
$("leave-go").addEventListener("click", () => {
  stop.abort();
  key.forget();
  // A fresh page holds nothing of before; the bill and the order stay for whoever signs in next.
  location.reload();
});

for (const button of document.querySelectorAll("nav button")) {
  button.addEventListener("click", () => {
    show(button.dataset.view === "sell" && paying.isOn ? "paying" : button.dataset.view);
  });
}

if (key.get()) comeBack();
else show("sign-in");
