// What a part of a page is made of: its fields, and what of it is no news.

export const FIELD = "input:not([type=hidden]), textarea, select";
function touched(field) {
  if (field.tagName === "SELECT") return [...field.options].some((each) => each.selected !== each.defaultSelected);
  return field.type === "checkbox" || field.type === "radio" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
}
export const busyWith = (each) => $(".problem, .kept", each) !== null || $$(FIELD, each).some(touched) || (each.contains(document.activeElement) && document.activeElement.matches(FIELD));

// Clocks tick by themselves: a part that differs in nothing else has not changed.
export const plain = (html) => html
  .replace(/(data-since="\d+"[^>]*>)[^<]*/g, "$1")
  .replace(/(class="mark-words">)[^<]*/g, "$1")
  .replace(/ m[012]\b/g, "");

const $$ = (what, within) => [...within.querySelectorAll(what)];
const $ = (what, within) => within.querySelector(what);
