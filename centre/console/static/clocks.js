// How long somebody has waited, as `centre.console.words` puts it.

const two = (number) => String(number).padStart(2, "0");
export function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${two(s % 60)} s`;
  if (s < 172_800) return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} min`;
  return `${Math.floor(s / 86_400)} days`;
}
export const MARKS = ["", "over 1 minute", "over 3 minutes"];
export const markOf = (ms) => (ms >= 180_000 ? 2 : ms >= 60_000 ? 1 : 0);
