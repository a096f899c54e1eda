// Single letters as keys: of the page (`data-key`), of the queue (`data-row`), and `g` then a letter to go somewhere.
import { FIELD } from "./parts.js";

const $ = (what, within = document) => within.querySelector(what);
const $$ = (what, within = document) => [...within.querySelectorAll(what)];
const body = document.body;

let going = -Infinity; // `g` was pressed then
const rows = () => $$("[data-row]");

function press(target) {
  const details = target.tagName === "SUMMARY" ? target.parentElement : null;
  if (!details) {
    if (target.matches("a, button")) target.click();
    else { target.scrollIntoView({ block: "nearest" }); target.focus(); }
    return;
  }
  details.open = true;
  ($(FIELD, details) ?? target).focus();
}
function step(by) {
  const all = rows();
  if (all.length) all[Math.max(0, Math.min(all.length - 1, all.indexOf(document.activeElement) + by))].focus();
}
function onQueue(key, say) {
  const all = rows();
  if (!all.length) return false;
  const at = all.indexOf(document.activeElement.closest?.(".row")?.querySelector("[data-row]"));
  if (key === "j" || key === "k") step(key === "j" ? 1 : at < 0 ? 1 : -1);
  else if (/^[1-9]$/.test(key)) $(`[data-digit="${key}"]`)?.click();
  else if (key === "Enter" && document.activeElement === body) all[0].click();
  else if (key === "t" && at < 0) { all[0].focus(); say("At the first case. Press t again to take it."); }
  else if (key === "t") $("[data-take]", all[at].closest(".row"))?.click();
  else return false;
  return true;
}
export const keys = (held, say) => (event) => {
  const typing = event.target.matches?.(`${FIELD}, [contenteditable]`);
  if (event.key === "Enter" && event.ctrlKey && typing && event.target.form) { event.preventDefault(); event.target.form.requestSubmit(); return; }
  if (event.key === "Escape" && typing) { (event.target.closest("details")?.querySelector("summary") ?? $("#main")).focus(); return; }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat || body.dataset.keys === "off" || $("dialog[open]")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key; // whatever Caps Lock says
  if (key === "?") { event.preventDefault(); $("#keys")?.showModal(); return; }
  if (held()) return;
  const gone = performance.now() - going < 1_500 && $(`[data-go="${CSS.escape(key)}"]`);
  going = key === "g" ? performance.now() : -Infinity;
  const target = gone || (key.length === 1 && $(`[data-key="${CSS.escape(key)}"]`));
  if (target) { event.preventDefault(); press(target); } else if (onQueue(key, say)) event.preventDefault();
};
