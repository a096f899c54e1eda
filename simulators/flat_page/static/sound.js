/* The box's sounder, siren and voice, as its own pins and its own loudspeaker had them: nothing here decides what sounds. */
"use strict";

window.flatSound = (() => {
  const LATE_S = 0.15;  // so long after it was: then the rhythm is the box's, however the notes came
  let context = null, sounder = null, siren = null, offset = null;

  function voice(type, volume) {
    const gain = context.createGain(), tone = context.createOscillator();
    gain.gain.value = 0;
    tone.type = type;
    tone.connect(gain).connect(context.destination);
    tone.start();
    return { gain: gain.gain, tone: tone.frequency, volume };
  }

  function on() {
    context = new AudioContext();
    offset = null;
    sounder = voice("square", 0.06);  // a pin makes a square wave
    siren = voice("sawtooth", 0.12);
  }

  function off() { if (context) context.close(); context = sounder = siren = null; }

  function silence() {
    for (const each of [sounder, siren]) if (each) { each.gain.cancelScheduledValues(0); each.gain.value = 0; }
  }

  function moment(ms) {
    if (offset === null) offset = context.currentTime + LATE_S - ms / 1000;
    let at = offset + ms / 1000;
    if (at < context.currentTime || at > context.currentTime + 2) { offset += context.currentTime + LATE_S - at; at = context.currentTime + LATE_S; }
    return at;
  }

  function note(each) {
    if (!context) return;
    const at = moment(each.ms);
    if (each.siren) {
      siren.gain.setValueAtTime(each.hz ? siren.volume : 0, at);
      siren.tone.cancelScheduledValues(at);
      if (each.hz) for (let s = 0; s < 700; s++) siren.tone.setValueAtTime(s % 2 ? 720 : 960, at + s * 0.5);
      return;
    }
    if (each.hz) sounder.tone.setValueAtTime(each.hz, at);
    sounder.gain.setValueAtTime(each.hz ? sounder.volume : 0, at);
  }

  function say(address) {
    if (!context) return;
    const clip = new Audio(address);
    clip.play().catch(() => { /* where nothing can speak, there is no clip: the words are shown */ });
  }

  return { on, off, note, say, silence };
})();
