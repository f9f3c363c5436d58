// What was analysed, moment by moment: the frame with its faces, their heat maps, and the timeline to choose from.

import { drawing, element } from "./element.js";
import { timeline } from "./timeline.js";
import { count } from "./words.js";

const CLOSE_UPS = 4;
const HIGHEST_REM = 28;

/** The whole section. pictures : the list of `report/pictures.json`, null where none were kept; base : of their links. */
export function moments(view, pictures, base) {
  const { faces, moments: all } = view;
  const stage = element("div", { class: "stage" });
  if (!view.is_video) {
    stage.replaceChildren(...onStage(all[0], view, pictures, base));
    return element("section", { class: "card", "aria-labelledby": "moments-title" },
      element("h3", { id: "moments-title" }, count(faces.length, "face")), stage, legend(pictures), table(faces, false));
  }

  let now = startingPoint(faces[0], all);
  const caption = element("p", { class: "caption", role: "status" });
  const back = element("button", { type: "button", on: { click: () => pick(now - 1) } }, "Earlier");
  const forth = element("button", { type: "button", on: { click: () => pick(now + 1) } }, "Later");
  const lanes = timeline(view, pick);
  function pick(index) {
    now = index;
    for (const [button, over] of [[back, index === 0], [forth, index === all.length - 1]]) {
      button.setAttribute("aria-disabled", over);
      button.disabled = over && document.activeElement !== button;
    }
    caption.textContent = all[index].caption;
    lanes.show(index);
    stage.replaceChildren(...onStage(all[index], view, pictures, base));
  }
  pick(now);
  return element("section", { class: "card", "aria-labelledby": "moments-title" },
    element("h3", { id: "moments-title" }, "Moments"),
    element("p", { class: "small muted" }, `${count(faces.length, "face")}, ${count(all.length, "sampled frame")}. Choose a moment on the
      timeline: the higher, the more
      suspicious; a diamond is a score at or above the threshold (dashed line), a ring one below it. What lies between sampled frames was not analysed.`),
    lanes.node, element("div", { class: "steps" }, back, caption, forth), stage, legend(pictures), table(faces, true));
}

/** The moment at which the first face has its highest score. */
function startingPoint(face, all) {
  const highest = face.observations.reduce((best, one) => ((one.level.score ?? -1) > (best.level.score ?? -1) ? one : best));
  return all.findIndex((moment) => moment.time === highest.time);
}

function onStage({ time, clock, faces }, view, pictures, base) {
  if (!pictures) return [element("p", { class: "muted small" }, "No pictures were kept of this scan; the table has the places of the faces.")];
  const frame = pictures.frames.find((other) => other.time === time);
  return [
    frame && shaped(frame, element("div", { class: "frame" },
      element("img", { src: `${base}/${frame.picture}`,
        alt: `The frame${view.is_video ? ` at ${clock}` : ""} with ${count(faces.length, "face")} marked` }),
      boxes(frame, faces))),
    element("ul", { class: "close-ups", "aria-label": "Faces on this frame" }, faces.slice(0, CLOSE_UPS).map((face) =>
      closeUp(face, pictures.faces.find((other) => other.time === time && other.track === face.id), base))),
  ];
}

/** Give a frame its place before its picture has come, no higher than fits a screen. */
function shaped({ width, height }, node) {
  node.style.aspectRatio = `${width} / ${height}`;
  node.style.width = `min(100%, ${(HIGHEST_REM * width) / height}rem)`;
  return node;
}

function boxes(frame, faces) {
  const size = (frame.width + frame.height) / 60;
  return drawing("svg", { viewBox: `0 0 ${frame.width} ${frame.height}`, "aria-hidden": "true" }, faces.map((face) => {
    const [x, y, right, bottom] = face.box;
    const place = { x, y, width: right - x, height: bottom - y };
    const tag = { x: Math.max(0, x), y: Math.max(0, y - 1.25 * size), width: 1.3 * size, height: 1.25 * size };
    const kind = face.level.kind === "plain" ? "below" : face.level.kind;
    return [drawing("rect", { ...place, class: "outline" }), drawing("rect", { ...place, class: kind }),
      drawing("rect", { ...tag, class: "tag" }),
      drawing("text", { x: tag.x + tag.width / 2, y: tag.y + 0.95 * size, "font-size": size, "text-anchor": "middle" }, `${face.id + 1}`)];
  }));
}

function closeUp({ name, level }, close, base) {
  const picture = (file, alt) => element("img", { src: `${base}/${file}`, alt, width: 224, height: 224 });
  return element("li", {},
    element("p", {}, element("strong", {}, name), ` ${level.text}`),
    close
      ? element("div", { class: "pair" },
        element("figure", {}, picture(close.crop, `${name}, as the detector saw it`), element("figcaption", {}, "As seen")),
        close.heat && element("figure", {}, picture(close.heat, `Heat map of ${name}: ${close.strongest}`),
          element("figcaption", {}, `Heat map: ${close.strongest}`)))
      : element("p", { class: "small muted" }, "No close-up was kept of this face."));
}

function legend(pictures) {
  if (!pictures?.heat) return null;
  return element("p", { class: "legend small muted" }, `Heat map: ${pictures.heat}; grey is weak `,
    element("span", { class: "ramp", "aria-hidden": "true" }), " pale yellow strong. It is a hint where to look, no proof.");
}

function table(faces, timed) {
  const rows = faces.flatMap((face) => face.observations.map((one) => element("tr", {},
    element("th", { scope: "row" }, face.name), timed && element("td", {}, `${one.exact} s`),
    element("td", {}, one.level.text), element("td", {}, one.found), element("td", {}, one.box_words))));
  const heads = ["Face", timed && "Time", "Score", "Face found with", "Box: left, top, right, bottom (pixels)"].filter(Boolean);
  return element("details", {}, element("summary", {}, "All scores as a table"),
    element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "All scores" }, element("table", {},
      element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col" }, head)))), element("tbody", {}, rows))));
}
