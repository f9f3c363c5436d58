// Words for where a file has got to, sizes and counts. What a scan found comes in words from the server (`view`).

import { drawing } from "./element.js";

export const settings = JSON.parse(document.body.dataset.settings);

/** How much of an upload or a scan is done. */
export function share(value) {
  return `${Math.round(100 * value)} %`;
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

/** A name from outside with control and direction characters shown as escapes. */
export function printable(text) {
  return text.replace(/[\p{C}\u2028\u2029]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
}

const PHASES = { waiting: "waiting to be sent", uploading: "uploading", retrying: "server busy", queued: "in the queue",
  running: "being scanned", failed: "scan failed", refused: "not taken in" };
const MEANINGS = {
  failed: "The scan did not come to an end, so nothing can be said about the file.",
  refused: "The file was not taken in, so nothing can be said about it.",
};

/** A few words for where a file has got to: what the scan came to, else its phase. */
export function headline(entry) {
  return entry.job?.words.headline ?? PHASES[entry.phase] ?? "done";
}

/** What a scan says that did not come to a result. */
export function withoutResult(entry) {
  return { kind: kindOf(entry), headline: headline(entry), meaning: MEANINGS[entry.phase], reasons: [] };
}

/** The class of an entry: its verdict, `unscored` when it ended without one, `pending` before. */
export function kindOf(entry) {
  if (entry.verdict) return entry.verdict;
  return ["done", "failed", "refused"].includes(entry.phase) ? "unscored" : "pending";
}

/** A mark that tells a verdict by its shape; hidden from screen readers, since the words stand beside it. */
export function mark(kind) {
  const [outer, inner] = settings.marks[kind];
  return drawing("svg", { viewBox: "0 0 24 24", class: `mark ${kind}`, "aria-hidden": "true" },
    drawing("path", { class: "outer", d: outer }), drawing("path", { class: "inner", d: inner }));
}

export function capital(text) {
  return text && text[0].toUpperCase() + text.slice(1);
}
