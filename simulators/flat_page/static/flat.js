/* Follows the box as it does what it does, and presses what is pressed. No framework, nothing from elsewhere. */
"use strict";

const root = document.documentElement;
const $ = (id) => document.getElementById(id);
const CAPTIONS = 40, STEPS = 200;

let state = null;
let lastHeard = performance.now();

// --- how the page is shown ------------------------------------------------------------------------

function remembered(name) { try { return localStorage.getItem("hearthline-flat-" + name); } catch { return null; } }
function remember(name, value) { try { localStorage.setItem("hearthline-flat-" + name, value); } catch { /* not here, then */ } }

function toggle(id, begin, set) {
  const button = $(id);
  let on = remembered(id) === null ? begin : remembered(id) === "on";
  const show = () => { button.setAttribute("aria-pressed", String(on)); set(on); };
  button.addEventListener("click", () => { on = !on; remember(id, on ? "on" : "off"); show(); });
  show();
}

const wishes = (query) => matchMedia(query).matches;
toggle("theme", wishes("(prefers-color-scheme: dark)"), (on) => { root.dataset.theme = on ? "dark" : "light"; });
toggle("still", wishes("(prefers-reduced-motion: reduce)"), (on) => { root.toggleAttribute("data-still", on); if (state) showLamps(); });
toggle("keys", true, (on) => { root.dataset.keys = on ? "on" : "off"; });

const sound = window.flatSound;
$("sound").addEventListener("click", () => {  // a browser lets a page sound only after a press
  const on = $("sound").getAttribute("aria-pressed") !== "true";
  $("sound").setAttribute("aria-pressed", String(on));
  if (on) sound.on(); else sound.off();
});

// --- what is pressed ------------------------------------------------------------------------------

const there = (button) => button && !button.hidden;
const buttonOf = (name) => document.querySelector(`button[data-do="${name}"]`);

async function press(name) {
  for (const part of document.querySelectorAll("#flat .hot")) {
    if (part.dataset.do.split(" ").includes(name)) {
      part.classList.add("just");
      setTimeout(() => part.classList.remove("just"), 1200);
    }
  }
  try {
    const answer = await fetch("do/" + name, { method: "POST" });
    if (!answer.ok) broken(answer.status === 429 ? await answer.text() : "The page's buttons do not work any more: load it again from the address that was printed.", 4000);
  } catch { gone(); }
}

document.addEventListener("click", (event) => {
  const part = event.target.closest("[data-do]");
  if (!part) return;
  if (part.tagName === "BUTTON") { press(part.dataset.do); return; }
  if (part.dataset.do.includes("open-console") && document.querySelector("a.open")) { document.querySelector("a.open").click(); return; }
  const name = part.dataset.do.split(" ").find((each) => there(buttonOf(each)));
  if (name) press(name);
});

document.addEventListener("keydown", (event) => {
  if (root.dataset.keys === "off" || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (event.target.closest("input, textarea, select")) return;
  const button = [...document.querySelectorAll("button[data-key]")].find((each) => each.dataset.key === event.key.toLowerCase() && there(each));
  if (button) { event.preventDefault(); press(button.dataset.do); }
});

// --- what is shown --------------------------------------------------------------------------------

function broken(words, forMs) {
  $("broken").textContent = words;
  $("broken").hidden = !words;
  if (forMs) setTimeout(() => { if ($("broken").textContent === words) broken(""); }, forMs);
}
const GONE = "The demonstration has ended, or cannot be reached. What is below is how it was last.";
const gone = () => broken(GONE);

function put(id, words, kind) {
  const part = $(id);
  if (part.textContent !== words) part.textContent = words;
  if (kind) part.className = "state " + kind;
}

function showLamps() {
  const still = root.hasAttribute("data-still");
  for (const [name, lamp] of Object.entries({ ...state.lamps, alert: state.alert })) {
    const lit = still ? lamp.rhythm !== "off" : lamp.lit;
    for (const part of document.querySelectorAll(`[data-lamp="${name}"]`)) {
      part.classList.toggle("lit", lit);
      part.classList.toggle("told", lamp.rhythm !== "off");
      const words = part.querySelector(".lamp-words");
      if (words && words.textContent !== lamp.words) words.textContent = lamp.words;
    }
  }
  $("alert-lamp").classList.toggle("lit", still ? state.alert.rhythm !== "off" : state.alert.lit);
}

function showButtons() {
  for (const button of document.querySelectorAll("button[data-when]")) {
    const not = button.dataset.when.startsWith("!");
    const hide = Boolean(state[button.dataset.when.replace("!", "")]) === not;
    if (hide === button.hidden) continue;
    const focused = document.activeElement === button;
    button.hidden = hide;
    if (focused) {  // the other of the pair is where it was
      const near = [button.previousElementSibling, button.nextElementSibling];
      setTimeout(() => near.find((each) => there(each) && each.dataset.when)?.focus(), 0);
    }
  }
}

const HUB = { runs: ["runs", "good"], starting: ["starting again", "wait"], dead: ["dead", "bad"] };
const LINE = { up: ["line up", "good"], connecting: ["line: trying", "wait"], cut: ["line cut", "bad"], off: ["does not hear the box", "wait"] };

function showState() {
  for (const name of ["hub", "line", "power", "alarm"]) root.dataset[name] = state[name];
  for (const name of ["fallen", "wet", "smoky", "siren", "silent", "calling"]) root.toggleAttribute("data-" + name, state[name]);
  root.toggleAttribute("data-sounding", state.tone !== "none" || state.siren);
  const [hub, hubKind] = HUB[state.hub];
  put("box-state", hub + (state.power === "battery" ? ", on its battery" : ""), state.power === "battery" && hubKind === "good" ? "wait" : hubKind);
  const [line, lineKind] = state.silent && state.line === "up" ? ["frozen: nobody answers", "bad"] : LINE[state.line];
  put("centre-state", line, lineKind);
  put("hears", state.sound);
  put("outbox", state.outbox === null ? "the box does not say" : state.outbox === 0 ? "nothing" : String(state.outbox));
  showLamps();
  showButtons();
  if ($("cases")) showCases();
}

function showCases() {
  const items = state.cases.map((each) => {
    const item = document.createElement("li");
    item.className = each.new ? "new" : "taken";
    item.textContent = `${each.name}: ${each.note}`;
    return item;
  });
  if (!items.length) { const none = document.createElement("li"); none.className = "none"; none.textContent = "no open alarm"; items.push(none); }
  $("cases").replaceChildren(...items);
}

function caption(words) {
  const line = document.createElement("p");
  line.textContent = words;
  $("captions").append(line);
  while ($("captions").children.length > CAPTIONS) $("captions").firstElementChild.remove();
  $("captions").scrollTop = $("captions").scrollHeight;
}

function row(step) {
  const line = document.createElement("tr");
  line.className = step.who;
  line.dataset.ms = step.ms;
  for (const words of [step.when ? Number(step.when).toFixed(1) : "", step.who, step.words]) {
    const cell = document.createElement("td");
    cell.textContent = words;
    line.append(cell);
  }
  return line;
}

const tries = [...document.querySelectorAll(".tries li")].map((item) => ({ item, keys: item.dataset.keys.split(" "), at: 0 }));

function tried(key) {
  for (const each of tries) {
    if (key === each.keys[0] && each.at < each.keys.length) each.at = 0;
    if (key === each.keys[each.at] && ++each.at === each.keys.length) {
      each.item.classList.add("seen");
      each.item.querySelector(".done").hidden = false;
    }
  }
}

const told = new Set();
const lamps = new Map(), LAMP_MS = 20000;  // what a lamp means is said once, not at every blink of a busy machine

function showSteps(steps) {
  const body = $("steps");
  for (const step of steps) {
    if (told.has(step.number)) continue;  // told again after a lost connection
    told.add(step.number);
    tried(step.key);
    if (step.words) {  // what is heard as a melody is known only at its end: it belongs before what was known meanwhile
      const later = [...body.rows].find((each) => Number(each.dataset.ms || 0) <= step.ms);
      body.insertBefore(row(step), later || null);
      while (body.rows.length > STEPS) body.lastElementChild.remove();
    }
    if (step.own && !(step.key.startsWith("lamp:") && step.ms - (lamps.get(step.key) ?? -Infinity) < LAMP_MS)) caption(step.own);
    if (step.key.startsWith("lamp:")) lamps.set(step.key, step.ms);
    if (step.key.startsWith("says:")) sound.say("voice/" + step.number);
  }
}

// --- what comes -----------------------------------------------------------------------------------

const live = new EventSource("live");
function on(kind, take) {
  live.addEventListener(kind, (event) => {
    lastHeard = performance.now();
    if ($("broken").textContent === GONE) broken("");
    take(JSON.parse(event.data));
  });
}
on("hello", () => {});
on("state", (now) => { state = now; showState(); });
on("steps", showSteps);
on("notes", (notes) => notes.forEach((note) => sound.note(note)));
on("beat", () => {});
setInterval(() => { if (performance.now() - lastHeard > 6000) { gone(); sound.silence(); } }, 1000);
