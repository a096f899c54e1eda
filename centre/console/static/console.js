// The console's page as it lives: told by /live that something changed, it asks for its parts anew. No framework.
// Nothing typed is ever lost, the focus stays where it was, and what must not go unnoticed is seen, heard and titled.
import { MARKS, markOf, span } from "./clocks.js";
import { keys } from "./keys.js";
import { busyWith, plain } from "./parts.js";
import { ours, sound, soundButton, toggle, wake } from "./sound.js";

const $ = (what, within = document) => within.querySelector(what);
const $$ = (what, within = document) => [...within.querySelectorAll(what)];
const body = document.body;
const baseTitle = document.title;
const SILENT_MS = 25_000; // no beat for so long (one comes every 10 s): the line is lost, whatever it says
const GRACE_MS = 4_000; // a line that is back so soon was never lost
const HOLD_MS = 600; // after the page changed under one's hands, single keys wait so long
const ANSWER_MS = 15_000;
const PACE_MS = 250; // in a storm of changes
const RETRY_MS = 2_000;

// --- parts that live --------------------------------------------------------------------------------

const sent = new WeakMap(); // part -> as the server sent it
const part = (within = document) => $$("[data-part]", within);
const remark = () => part().forEach((each) => sent.has(each) || sent.set(each, plain(each.outerHTML)));
let heldUntil = 0;
const held = () => performance.now() < heldUntil;
const order = (each) => $$("[data-row], [data-act] button", each).map((one) => one.id + one.textContent).join();

function swap(html, { force = false } = {}) {
  let changed = false;
  for (const fresh of part(new DOMParser().parseFromString(html, "text/html"))) {
    const old = document.getElementById(fresh.id);
    const text = plain(fresh.outerHTML);
    if (!old || (!force && sent.get(old) === text)) continue;
    if (!force && busyWith(old)) { stale(old); continue; }
    const focus = old.contains(document.activeElement) ? selector(document.activeElement) : null;
    const place = $$("[data-row]", old).indexOf(document.activeElement);
    const open = $$("details[open]", old).map((each) => each.id);
    const node = document.importNode(fresh, true);
    old.replaceWith(node);
    sent.set(node, text);
    if (!force) open.forEach((id) => { const each = document.getElementById(id); if (each) each.open = true; });
    if (focus !== null && !force) back(node, focus, place);
    if (fresh.id !== "status-part" && order(old) !== order(node)) changed = true;
  }
  if (changed) heldUntil = performance.now() + HOLD_MS;
  settle();
}

const selector = (each) => (each.id ? `#${CSS.escape(each.id)}` : each.href ? `a[href="${CSS.escape(each.getAttribute("href"))}"]` : "");
function back(node, focus, place) {
  const same = focus && $(focus, node);
  const rows = $$("[data-row]", node);
  const target = same || (place >= 0 && rows[Math.min(place, rows.length - 1)]) || $("h1, h2", node) || $("#main");
  if (!target.matches("a, button, input, select, textarea, summary, [tabindex]")) target.tabIndex = -1;
  target.focus({ preventScroll: true });
}

function stale(old) {
  if ($(".stale", old)) return;
  const note = document.createElement("p");
  note.className = "banner warn stale";
  note.textContent = "This page has changed while you were writing. What you typed is kept.";
  old.prepend(note);
  say(note.textContent);
}

let asking = false;
let again = false;
async function refresh() {
  if (asking) { again = true; return; }
  asking = true;
  let why = "";
  try {
    do {
      [again, why] = [false, ""];
      for (const each of $$("[data-live]")) why ||= await asked(each.dataset.live);
      if (again) await new Promise((done) => { setTimeout(done, PACE_MS); });
    } while (again);
  } catch { why = "No answer from the centre's server: what is shown may be old."; }
  asking = false;
  lose("parts", why);
  if (why) setTimeout(refresh, RETRY_MS); // no further change need come to tell that it works again
}
async function asked(address) {
  const answer = await fetch(address, { headers: { "x-part": "1" }, signal: AbortSignal.timeout(ANSWER_MS) });
  const html = await answer.text();
  if (answer.ok) swap(html);
  else if (answer.status === 401) return "You are signed out. Sign in to go on: this page is no longer kept up to date.";
  else if (answer.status !== 404) return `What is shown may be old. ${problemOf(html)}`;
  return "";
}
const problemOf = (html) => $("main .problem", new DOMParser().parseFromString(html, "text/html"))?.textContent ?? "";

// --- the line ---------------------------------------------------------------------------------------

let heard = performance.now();
let wavering = performance.now(); // until somebody spoke
const troubles = { line: "", parts: "" };
let lost = "";
let source = null;
let resting = false; // out of sight, and another page sounds: browsers give a server six connections, so it gives up its

function rest() {
  const was = resting;
  resting = document.hidden && !ours();
  if (resting) source?.close();
  else if (was) connect();
}
function connect() {
  source?.close();
  heard = wavering = performance.now();
  source = new EventSource("/live");
  const on = (what, then) => source.addEventListener(what, () => { heard = performance.now(); wavering = 0; then(); });
  on("changed", () => { lose("line", ""); refresh(); });
  on("beat", () => lose("line", ""));
  on("stale", () => lose("line", "The centre's server no longer looks at its store: what is shown may be old."));
  source.onerror = () => {
    wavering ||= performance.now();
    if (source.readyState === EventSource.CLOSED) { refresh(); setTimeout(reconnect, RETRY_MS); }
  };
}

const reconnect = () => { const since = wavering; if (!resting) { connect(); wavering = since; } };

function lose(which, why) {
  troubles[which] = why;
  const now = troubles.line || troubles.parts;
  if (now !== lost) {
    lost = now;
    const banner = $("#lost");
    banner.hidden = !now;
    banner.textContent = now;
    if (now) sound("lost");
  }
  line();
}
function line() {
  body.classList.toggle("live", !lost && !wavering);
  body.classList.toggle("lost", Boolean(lost));
  const words = $("#line-words");
  const now = lost ? "NOT LIVE" : wavering ? "Connecting" : "Live";
  if (words && words.textContent !== now) words.textContent = now;
  const told = $("#status-part")?.dataset.title ?? "";
  const title = (lost ? "CONNECTION LOST " : "") + told + baseTitle;
  if (document.title !== title) document.title = title;
}

// --- what is heard ----------------------------------------------------------------------------------

const tell = (where, words) => { const box = $(where); if (box) box.textContent = box.textContent === words ? words + "\u00a0" : words; };
const say = (words) => tell("#say", words);

let known = null;
function listen() {
  const needs = $$("#needs [data-need]");
  const fresh = needs.filter((each) => known && !known.has(each.dataset.need));
  known = new Set(needs.map((each) => each.dataset.need));
  if (!fresh.length) return;
  sound("alarm");
  tell("#shout", `${fresh.length > 1 ? `${fresh.length} new` : "New"}. ${fresh[0].textContent}`);
}

// --- clocks -----------------------------------------------------------------------------------------

let ahead = 0; // our clock, against the centre's
const into = (each, mark) => { each.classList.remove("m0", "m1", "m2"); each.classList.add(`m${mark}`); };
let rung = -Infinity;

function tick() {
  const now = Date.now() - ahead;
  for (const each of $$("[data-since]")) {
    const ms = now - Number(each.dataset.since);
    each.textContent = span(ms);
    if (!("marked" in each.dataset)) continue;
    into(each.closest(".row"), markOf(ms));
    const words = $(".mark-words", each.parentElement);
    if (words.textContent !== MARKS[markOf(ms)]) words.textContent = MARKS[markOf(ms)];
  }
  const longest = Number($("#status-part")?.dataset.longest || 0);
  const mark = longest ? markOf(now - longest) : 0;
  if (longest) into($("#bar"), mark);
  const passed = performance.now();
  if (!resting && (passed - heard > SILENT_MS || (wavering && passed - wavering > GRACE_MS))) {
    lose("line", "Connection lost. What is shown is old, and new alarms do not appear here. Trying again…");
  }
  const every = lost || "trouble" in ($("#status-part")?.dataset ?? {}) ? 10_000 : [0, 15_000, 5_000][mark];
  if (every && passed - rung >= every) {
    rung = passed;
    sound(every === 10_000 ? "lost" : "waiting");
  }
  line();
  soundButton();
}

function settle() {
  remark();
  const status = $("#status-part");
  if (status) {
    ahead = Date.now() - Number(status.dataset.now);
    $$("input[name=csrf]").forEach((each) => { each.value = status.dataset.csrf; });
  }
  listen();
  tick();
}

// --- what is sent -----------------------------------------------------------------------------------

function problem(form, words) {
  const box = $(".problem", form) ?? form.insertBefore(document.createElement("p"), form.firstChild);
  Object.assign(box, { className: "problem", tabIndex: -1, textContent: words });
  box.setAttribute("role", "alert");
  box.focus();
}

async function send(form, button) {
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  try {
    const answer = await fetch(form.action, {
      method: "POST", body: new URLSearchParams(new FormData(form, button)), headers: { "x-part": "1" }, signal: AbortSignal.timeout(ANSWER_MS),
    });
    const there = new URL(answer.url);
    if (answer.redirected && there.pathname !== location.pathname) { location.assign(answer.url); return; }
    const html = await answer.text();
    if (answer.status === 401) problem(form, "You are signed out. Sign in in another window, then send this again: what you typed is still here.");
    else if (html.includes("data-part")) land(html);
    else problem(form, problemOf(html) || "It could not be done: try again.");
  } catch (error) {
    problem(form, error.name === "TimeoutError"
      ? "No answer. It may or may not have been done: look before you send it again. What you typed is still here."
      : "Not sent: there is no connection. What you typed is still here: send it again when the page is live.");
  } finally { form.ariaBusy = null; }
}
function land(html) {
  swap(html, { force: true });
  heldUntil = 0;
  ($("[data-acts] [data-focus]") ?? $("#case-h") ?? $("#main")).focus();
}
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-act]")) return;
  event.preventDefault();
  send(event.target, event.submitter);
});

// --- begin ------------------------------------------------------------------------------------------

const LOOKS = ["", "light", "dark"];
function look(next) {
  const now = LOOKS.indexOf(document.documentElement.dataset.theme ?? "");
  const theme = LOOKS[(now + next) % LOOKS.length];
  if (theme) document.documentElement.dataset.theme = theme; else delete document.documentElement.dataset.theme;
  if (next) document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=strict`;
  $("#theme").textContent = `Look: ${theme || "auto"}`;
}

document.addEventListener("click", (event) => { // the row under the pointer may be another's by now
  if (!event.detail || !event.isTrusted || !held() || !event.target.closest("[data-part]")) return;
  event.preventDefault();
  event.stopPropagation();
  say("The page has just changed: look, and press again.");
}, true);
document.addEventListener("keydown", wake);
document.addEventListener("keydown", keys(held, say));
document.addEventListener("pointerdown", wake);
if ("livePage" in body.dataset) {
  look(0);
  for (const id of ["theme", "help"]) $(`#${id}`).hidden = false;
  $("#theme").addEventListener("click", () => look(1));
  $("#help").addEventListener("click", () => $("#keys").showModal());
  $("#sound")?.addEventListener("click", toggle);
  wake();
  settle();
  connect();
  for (const what of ["visibilitychange", "hearthline:ours"]) document.addEventListener(what, rest);
  addEventListener("pageshow", (event) => { if (event.persisted) { connect(); refresh(); } });
  setInterval(tick, 1_000);
}
const done = $("main .done");
if (done) setTimeout(() => say(done.textContent), 100);
const first = $("main [data-focus]") ?? (done && ($("[data-row]") ?? $("#main")));
first?.focus();
