// What was looked at, moment by moment: the frame with its faces, their heat maps, and the timeline to choose from.

import { drawing, element } from "./element.js";
import { timeline } from "./timeline.js";
import { count, faceName, percent, seconds } from "./words.js";

const CLOSE_UPS = 4;
const HIGHEST_REM = 28;

/** The whole section. pictures : the list of `report/pictures.json`, null where none were kept; base : of their links. */
export function moments(result, pictures, base) {
  const tracks = [...result.tracks].sort((a, b) => (b.id === result.decisive_track) - (a.id === result.decisive_track) || b.score - a.score);
  const times = [...new Set(tracks.flatMap((track) => track.frames.map((frame) => frame.time)).concat(result.coverage.times ?? []))];
  times.sort((a, b) => a - b);
  const looks = times.map((time) => looksAt(tracks, time));
  const stage = element("div", { class: "stage" });
  const describe = (index) => inWords(times, looks, index, result.kind === "video");
  if (result.kind !== "video") {
    stage.replaceChildren(...moment(times[0], looks[0], result, pictures, base));
    return element("section", { class: "card", "aria-labelledby": "moments-title" },
      element("h3", { id: "moments-title" }, count(tracks.length, "face")), stage, legend(pictures), table(tracks, false));
  }

  let now = startingPoint(tracks[0], times);
  const caption = element("p", { class: "caption", role: "status" });
  const back = element("button", { type: "button", on: { click: () => pick(now - 1) } }, "Earlier");
  const forth = element("button", { type: "button", on: { click: () => pick(now + 1) } }, "Later");
  const lanes = timeline(result, tracks, times, pick, describe);
  function pick(index) {
    now = index;
    for (const [button, over] of [[back, index === 0], [forth, index === times.length - 1]]) {
      button.setAttribute("aria-disabled", over);
      button.disabled = over && document.activeElement !== button;
    }
    caption.textContent = describe(index);
    lanes.show(index);
    stage.replaceChildren(...moment(times[index], looks[index], result, pictures, base));
  }
  pick(now);
  return element("section", { class: "card", "aria-labelledby": "moments-title" },
    element("h3", { id: "moments-title" }, "Moments"),
    element("p", { class: "small muted" }, `${count(tracks.length, "face")}, ${count(times.length, "look")}. Choose a moment on the
      timeline: the higher, the more
      suspicious; a diamond is a look at or above the threshold (dashed line), a ring one below it. What lies between looks was not seen.`),
    lanes.node, element("div", { class: "steps" }, back, caption, forth), stage, legend(pictures), table(tracks, true));
}

function looksAt(tracks, time) {
  return tracks.flatMap((track) => track.frames.filter((frame) => frame.time === time).map((frame) => ({ track: track.id, ...frame })));
}

function startingPoint(track, times) {
  const highest = track.frames.reduce((best, frame) => ((frame.score ?? -1) > (best.score ?? -1) ? frame : best));
  return times.indexOf(highest.time);
}

function inWords(times, looks, index) {
  const faces = looks[index].slice(0, CLOSE_UPS).map((look) => `${faceName(look.track)} ${scoreOf(look)}`);
  const more = looks[index].length - faces.length;
  return `${seconds(times[index])}, look ${index + 1} of ${times.length}: ${faces.join(", ") || "no face"}${more > 0 ? ` and ${more} more` : ""}`;
}

function scoreOf(look) {
  return look.score === null ? "not scored" : percent(look.score);
}

function moment(time, looks, result, pictures, base) {
  if (!pictures) return [element("p", { class: "muted small" }, "No pictures were kept of this scan; the table has the places of the faces.")];
  const frame = pictures.frames.find((other) => other.time === time);
  const shown = looks.slice(0, CLOSE_UPS);
  return [
    frame && shaped(frame, element("div", { class: "frame" },
      element("img", { src: `${base}/${frame.picture}`,
        alt: `The frame${result.kind === "video" ? ` at ${seconds(time)}` : ""} with ${count(looks.length, "face")} marked` }),
      boxes(frame, looks, result.detector.threshold))),
    element("ul", { class: "close-ups", "aria-label": "Faces on this frame" }, shown.map((look) => {
      const close = pictures.faces.find((other) => other.time === time && other.track === look.track);
      return closeUp(look, close, base, looks.length);
    })),
  ];
}

/** Give a frame its place before its picture has come, no higher than fits a screen. */
function shaped({ width, height }, node) {
  node.style.aspectRatio = `${width} / ${height}`;
  node.style.width = `min(100%, ${(HIGHEST_REM * width) / height}rem)`;
  return node;
}

function boxes(frame, looks, threshold) {
  const size = (frame.width + frame.height) / 60;
  return drawing("svg", { viewBox: `0 0 ${frame.width} ${frame.height}`, "aria-hidden": "true" }, looks.map((look) => {
    const [x, y, right, bottom] = look.box;
    const kind = look.score === null ? "unscored" : threshold != null && look.score >= threshold ? "above" : "below";
    const place = { x, y, width: right - x, height: bottom - y };
    const tag = { x: Math.max(0, x), y: Math.max(0, y - 1.25 * size), width: 1.3 * size, height: 1.25 * size };
    return [drawing("rect", { ...place, class: "outline" }), drawing("rect", { ...place, class: kind }),
      drawing("rect", { ...tag, class: "tag" }),
      drawing("text", { x: tag.x + tag.width / 2, y: tag.y + 0.95 * size, "font-size": size, "text-anchor": "middle" }, `${look.track + 1}`)];
  }));
}

function closeUp(look, close, base) {
  const name = faceName(look.track);
  const picture = (file, alt) => element("img", { src: `${base}/${file}`, alt, width: 224, height: 224 });
  return element("li", {},
    element("p", {}, element("strong", {}, name), ` ${scoreOf(look)}`),
    close
      ? element("div", { class: "pair" },
        element("figure", {}, picture(close.crop, `${name}, as the detector saw it`), element("figcaption", {}, "As seen")),
        close.heat && element("figure", {}, picture(close.heat, `Heat map of ${name}: ${close.strongest}`),
          element("figcaption", {}, `Heat map: ${close.strongest}`)))
      : element("p", { class: "small muted" }, "No close-up was kept of this look."));
}

function legend(pictures) {
  if (!pictures?.heat) return null;
  return element("p", { class: "legend small muted" }, `Heat map: ${pictures.heat}; grey is weak `,
    element("span", { class: "ramp", "aria-hidden": "true" }), " pale yellow strong. It is a hint where to look, no proof.");
}

function table(tracks, timed) {
  const rows = tracks.flatMap((track) => track.frames.map((frame) => element("tr", {},
    element("th", { scope: "row" }, faceName(track.id)), timed && element("td", {}, seconds(frame.time, 2)),
    element("td", {}, scoreOf(frame)), element("td", {}, percent(frame.face_confidence)),
    element("td", {}, frame.box.map(Math.round).join(", ")))));
  const heads = ["Face", timed && "Time", "Score", "Face found with", "Box: left, top, right, bottom (pixels)"].filter(Boolean);
  return element("details", {}, element("summary", {}, "All looks as a table"),
    element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "All looks" }, element("table", {},
      element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col" }, head)))), element("tbody", {}, rows))));
}
