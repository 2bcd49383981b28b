"""JavaScript that the tests of the simple till run in its page, to measure or to disturb it.

The browser runs it past the page's content security policy; the page itself holds none of it.
"""

KINDS = (
    "open", "in_flight", "paid", "not_paid", "unknown", "cancelled", "paid_elsewhere", "refund_due"
)  # fmt: skip
"""Every look of an outcome."""

FOCUS = """
const it = document.activeElement;
const style = getComputedStyle(it);
const isOutlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
return { id: it.id, tag: it.tagName, text: it.innerText.slice(0, 30),
  seen: it === document.body || isOutlined };
"""
"""Where the keyboard is, and whether that can be seen."""

BACKGROUND = """
const outcome = document.getElementById("outcome");
const before = outcome.dataset.state;
outcome.dataset.state = arguments[0];
const found = getComputedStyle(outcome).backgroundColor;
outcome.dataset.state = before;
return found;
"""
"""The colour of the outcome of this kind."""

CONTRASTS = """
const outcome = document.getElementById("outcome");
outcome.dataset.state = arguments[0];
for (const it of outcome.querySelectorAll("button")) it.hidden = false;
document.getElementById("outcome-problem").textContent = "A problem";
const numbers = (text) => text.match(/[0-9.]+/g).map(Number);
const light = (rgb) => {
  const linear = (it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4);
  const [r, g, b] = rgb.map((it) => linear(it / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (it) => {
  const [r, g, b, a = 1] = numbers(getComputedStyle(it).backgroundColor);
  return a === 0 ? ground(it.parentElement) : [r, g, b];
};
const shown = [...outcome.querySelectorAll("p, h2, button")].filter((it) => it.checkVisibility());
return shown.map((it) => {
  const style = getComputedStyle(it);
  const back = ground(it);
  const mixed = (one, place) => one * style.opacity + back[place] * (1 - style.opacity);
  const fore = numbers(style.color).slice(0, 3).map(mixed);
  const [dark, bright] = [light(fore), light(back)].sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
});
"""
"""Contrasts of all texts of the outcome of this kind (WCAG 2.2, relative luminance)."""

SIDEWAYS = "return Math.max(0, document.documentElement.scrollWidth - innerWidth)"
"""By how many pixels the page is wider than the screen."""

SMALL = """
return [...document.querySelectorAll("button, input")].filter((it) => it.checkVisibility())
  .filter((it) => it.getBoundingClientRect().height < 44 || it.getBoundingClientRect().width < 44)
  .map((it) => it.outerHTML.slice(0, 80));
"""
"""Targets under 44 pixels."""

ON_SCREEN = """
const { top, bottom } = document.getElementById(arguments[0]).getBoundingClientRect();
return top >= 0 && bottom <= innerHeight;
"""
"""Whether an element is on the screen without scrolling."""

LOSE_ANSWERS = """
// The request arrives; its answer does not. Once.
const real = window.fetch;
const path = arguments[0];
window.fetch = async (address, options) => {
  const answer = await real(address, options);
  if (options.method !== "POST" || !address.endsWith(path)) return answer;
  window.fetch = real;
  throw new TypeError("connection lost");
};
"""
"""The next POST to this path arrives, and its answer is lost."""

DEAF_AT_FIRST = """
if (sessionStorage.getItem("smiletill-tested")) {
  sessionStorage.removeItem("smiletill-tested");
  const real = window.fetch;
  window.fetch = async () => {
    window.fetch = real;
    throw new TypeError("connection lost");
  };
}
"""
"""After the next load of a tab marked `smiletill-tested`, the first request fails."""
