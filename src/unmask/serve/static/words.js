// Numbers and states in plain words, and the marks that go with them.

import { drawing } from "./element.js";

export const settings = JSON.parse(document.body.dataset.settings);

/** A probability in whole per cent, never rounded to a certainty it does not have. */
export function percent(value) {
  if (value > 0 && value < 0.01) return "under 1 %";
  if (value > 0.99 && value < 1) return "over 99 %";
  return `${Math.round(100 * value)} %`;
}

/** An interval of probabilities. */
export function range([low, high]) {
  const ends = [percent(low), percent(high)];
  return ends[0] === ends[1] ? `${ends[0]} throughout` : ends.join(" to ");
}

export function seconds(value, digits = 1) {
  return `${value.toFixed(digits)} s`;
}

export function bytes(size) {
  for (const [unit, length] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (size >= length) return `${(size / length).toPrecision(3).replace(/\.?0+$/, "")} ${unit}`;
  }
  return count(size, "byte");
}

export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

export function faceName(track) {
  return `Face ${track + 1}`;
}

/** A name from outside with control and direction characters shown as escapes. */
export function printable(text) {
  return text.replace(/[\p{C}\u2028\u2029]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
}

const MEANINGS = {
  ...settings.meanings,
  failed: "The scan did not come to an end, so nothing can be said about the file.",
  refused: "The file was not taken in, so nothing can be said about it.",
};
const ADVICE = {
  inconclusive: "What may help: a better copy of the file (larger, less compressed, not filmed from a screen), or a scan of more frames.",
  no_face: "Faces smaller than 20 pixels are not looked at. In a video, a scan of more frames may meet a face.",
  unreadable: "Check that the file plays elsewhere, and that it was transferred completely.",
};

/** Two words for where a file has got to: its verdict, else its status, else its phase. */
export function headline(entry) {
  const phases = { waiting: "waiting to be sent", uploading: "uploading", retrying: "server busy", queued: "in the queue",
    running: "being scanned", failed: "scan failed", refused: "not taken in" };
  return settings.words[entry.verdict ?? entry.status] ?? phases[entry.phase] ?? "done";
}

export function meaning(entry) {
  return MEANINGS[entry.verdict ?? entry.status ?? entry.phase];
}

export function advice(entry) {
  return ADVICE[entry.verdict ?? entry.status ?? entry.phase];
}

/** The class of an entry: its verdict, `unscored` when it ended without one, `pending` before. */
export function kindOf(entry) {
  if (entry.verdict) return entry.verdict;
  return ["done", "failed", "refused"].includes(entry.phase) ? "unscored" : "pending";
}

const SHAPES = {
  likely_fake: ["M12 2L23 21H1z", "M12 8.5v6M12 17v1.6"],
  likely_real: ["M12 1.5a10.5 10.5 0 1 0 0 21a10.5 10.5 0 1 0 0-21z", "M7 12.3l3.6 3.6L17 8.8"],
  inconclusive: ["M12 1L23 12L12 23L1 12z", "M7.5 12h9"],
  unscored: ["M5 2h14a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3H5a3 3 0 0 1-3-3V5a3 3 0 0 1 3-3z", "M7.5 7.5l9 9M16.5 7.5l-9 9"],
  pending: ["M12 1.5a10.5 10.5 0 1 0 0 21a10.5 10.5 0 1 0 0-21z", "M12 6.5v6l4 2.5"],
};

/** A mark that tells a verdict by its shape; hidden from screen readers, since the words stand beside it. */
export function mark(kind) {
  const [outer, inner] = SHAPES[kind];
  return drawing("svg", { viewBox: "0 0 24 24", class: `mark ${kind}`, "aria-hidden": "true" },
    drawing("path", { class: "outer", d: outer }), drawing("path", { class: "inner", d: inner }));
}
