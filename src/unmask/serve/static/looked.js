// What was looked at where no face was found: the sampled frames, so that one sees what the answer rests on.

import { element } from "./element.js";
import { count, seconds } from "./words.js";

/** The section, null where nothing was looked at. pictures : the list of `report/pictures.json`, null where none were kept; base : of their links. */
export function lookedAt(result, pictures, base) {
  if (!result.coverage.frames_sampled) return null;
  const shown = pictures?.frames ?? [];
  return element("section", { class: "card", "aria-labelledby": "looked-title" },
    element("h3", { id: "looked-title" }, "What was looked at"),
    element("p", {}, inWords(result)),
    shown.length ? element("ul", { class: "looked" }, shown.map((frame) => element("li", {}, sampled(frame, result.kind === "video", base))))
      : element("p", { class: "muted small" }, "No pictures were kept of this scan."));
}

function inWords({ kind, coverage: { frames_sampled: sampled, duration, longest_gap: gap } }) {
  if (kind !== "video") return "The whole picture was searched; no face of 20 pixels or more was found in it.";
  const length = duration ? ` of ${seconds(duration)} of video` : "";
  const between = gap ? ` (up to ${seconds(gap)} at a stretch)` : "";
  return `${count(sampled, "frame")}${length}, each searched as a whole; no face of 20 pixels or more was found on any.
    Not looked at: what lies between them${between}, and the sound.`;
}

function sampled({ time, width, height, picture }, timed, base) {
  const name = timed ? `The frame at ${seconds(time)}` : "The picture";
  const link = element("a", { href: `${base}/${picture}`, target: "_blank", rel: "noopener" },
    element("img", { src: `${base}/${picture}`, width, height, loading: "lazy", alt: `${name}, on which no face was found` }));
  return element("figure", {}, link, timed && element("figcaption", {}, seconds(time)));
}
