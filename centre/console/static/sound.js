// What the console sounds like. Browsers let nothing sound before a key or click: until then the button says so.

const body = document.body;
const remembered = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
const remember = (name, value) => { try { localStorage.setItem(name, value); } catch { /* not kept, then */ } };

const TONES = { // Hz, s: told apart with eyes shut
  alarm: [[880, 0.16], [660, 0.16], [880, 0.16], [660, 0.16], [880, 0.32]],
  waiting: [[740, 0.12], [0, 0.08], [740, 0.12]],
  lost: [[420, 0.25], [320, 0.25], [220, 0.45]],
};
let ears = null;
let woken = -1e9;
let only = !navigator.locks; // one page of a browser sounds, not all
navigator.locks?.request("hearthline-sound", () => {
  only = true;
  document.dispatchEvent(new CustomEvent("hearthline:ours"));
  return new Promise(() => {});
});
export const ours = () => only;
const wanted = () => body.dataset.sounds !== "off" && remembered("sound") !== "off" && "desk" in body.dataset;

export function sound(name) {
  if (!wanted()) return;
  document.dispatchEvent(new CustomEvent("hearthline:sound", { detail: name }));
  if (!only || ears?.state !== "running") return;
  let at = ears.currentTime + 0.02;
  for (const [hertz, seconds] of TONES[name]) {
    if (hertz) {
      const voice = new OscillatorNode(ears, { type: "triangle", frequency: hertz });
      const loud = new GainNode(ears, { gain: 0 });
      loud.gain.setTargetAtTime(0.6, at, 0.008);
      loud.gain.setTargetAtTime(0, at + seconds - 0.03, 0.012);
      voice.connect(loud).connect(ears.destination);
      voice.start(at);
      voice.stop(at + seconds + 0.1);
    }
    at += seconds;
  }
}
export function wake() {
  ears ||= new AudioContext();
  if (ears.state === "suspended") ears.resume().then(() => { woken = performance.now(); soundButton(); }, () => {});
}
export function soundButton() {
  const button = document.getElementById("sound");
  if (!button) return;
  const blocked = wanted() && ears?.state !== "running";
  button.hidden = false;
  button.disabled = body.dataset.sounds === "off";
  button.classList.toggle("blocked", blocked);
  const words = !wanted() ? "Sound off" : blocked ? "Press a key for sound" : "Sound on";
  if (button.textContent !== words) button.textContent = words;
}

export function toggle() {
  wake();
  if (wanted() && performance.now() - woken < 1_000) return; // that very click has let it sound
  remember("sound", wanted() ? "off" : "on");
  soundButton();
}
