// What was analysed where no face was found: the sampled frames, so that one sees what the answer rests on.

import { element } from "./element.js";

/** The section, null where nothing was analysed. pictures : the list of `report/pictures.json`, null where none were kept; base : of their links. */
export function whatWasAnalysed(view, pictures, base) {
  if (!view.coverage) return null;
  const { analysed, found, left_out: leftOut } = view.coverage;
  const shown = pictures?.frames ?? [];
  return element("section", { class: "card", "aria-labelledby": "analysed-title" },
    element("h3", { id: "analysed-title" }, "What was analysed"),
    element("p", {}, [analysed, found, leftOut].filter(Boolean).join(" ")),
    shown.length ? element("ul", { class: "sampled" }, shown.map((frame) => element("li", {}, sampled(frame, view.is_video, base))))
      : element("p", { class: "muted small" }, "No pictures were kept of this scan."));
}

function sampled({ time, clock = `${time.toFixed(1)} s`, width, height, picture }, timed, base) {
  const name = timed ? `The frame at ${clock}` : "The picture";
  const link = element("a", { href: `${base}/${picture}`, target: "_blank", rel: "noopener" },
    element("img", { src: `${base}/${picture}`, width, height, loading: "lazy", alt: `${name}, on which no face was found` }));
  return element("figure", {}, link, timed && element("figcaption", {}, clock));
}
