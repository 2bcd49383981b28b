// Late news of a bill that nobody looks at any more: it stays on the page until somebody has seen it.

import { ask } from "./api.js";
import { withCurrency } from "./money.js";
import { wordsOf } from "./words.js";

const NOTICES_MAX = 5;

/** Say how an order ended after all. */
export function lateNews(news, watch) {
  const place = document.getElementById("notices");
  document.getElementById(`notice-${news.order_id}`)?.remove();
  const sum = withCurrency(news.amount, news.currency);
  const notice = document.createElement("p");
  notice.id = `notice-${news.order_id}`;
  notice.className = "notice";
  const text = document.createElement("span");
  text.textContent = `Late word of the bank: the bill of ${sum} (${news.order_id}) is ${wordsOf(news).word}.`;
  notice.append(
    text,
    button("Look at it", news.order_id, async () => {
      watch(await ask("GET", `/v1/orders/${encodeURIComponent(news.order_id)}`));
      notice.remove();
    }),
    button("Seen", news.order_id, () => notice.remove()),
  );
  place.append(notice);
  // The oldest goes; the day's view lists whatever still needs somebody.
  if (place.children.length > NOTICES_MAX) place.firstElementChild.remove();
}

function button(text, which, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.setAttribute("aria-label", `${text}: ${which}`);
  made.addEventListener("click", () => Promise.resolve(act()).catch(() => {}));
  return made;
}
