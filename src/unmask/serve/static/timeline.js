// Scores over time, a lane for each face: one slider, by mouse, finger or keys.

import { drawing, element, placed } from "./element.js";
import { count } from "./words.js";

const HEIGHT = 68;
const INSET = 13;
const LANES = 6;

/** Draw the lanes of faces. pick(index) is called when a moment is chosen. Gives {node, show(index)}. */
export function timeline(view, pick) {
  const { faces, moments, threshold } = view;
  const times = moments.map((moment) => moment.time);
  const end = Math.max(view.duration ?? 0, times.at(-1)) || 1;
  const lanes = faces.slice(0, LANES).map(lane);
  const head = element("div", { class: "playhead" });
  const slider = element("div", {
    class: "slider", role: "slider", tabindex: 0, "aria-label": "Moment", "aria-valuemin": 0, "aria-valuemax": times.length - 1,
    on: { keydown, pointerdown: grab, pointermove: drag },
  }, lanes.map(({ node }) => node), element("div", { class: "rail" }, head));
  let now = 0;

  function keydown(event) {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -5, PageUp: 5, Home: -now,
      End: times.length - 1 - now };
    if (!(event.key in steps) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    pick(Math.min(times.length - 1, Math.max(0, now + steps[event.key])));
  }

  function grab(event) {
    slider.setPointerCapture(event.pointerId);
    at(event);
  }

  function drag(event) {
    if (slider.hasPointerCapture(event.pointerId)) at(event);
  }

  function at(event) {
    const box = head.parentNode.getBoundingClientRect();
    const time = ((event.clientX - box.left) / box.width) * end;
    pick(times.reduce((best, other, index) => (Math.abs(other - time) < Math.abs(times[best] - time) ? index : best), 0));
  }

  const draw = () => {
    const width = head.parentNode.clientWidth;
    if (width) lanes.forEach(({ plot, face }) => plot.replaceChildren(...marks(face, width, end, threshold, times[now])));
  };
  new ResizeObserver(draw).observe(slider);

  const rest = faces.length - lanes.length;
  const node = element("div", { class: "timeline" }, slider,
    element("p", { class: "axis small muted", "aria-hidden": "true" }, element("span", {}, "0 s"),
      element("span", {}, view.axis[0]), element("span", {}, view.axis[1])),
    rest > 0 && element("p", { class: "small muted" }, `${count(rest, "more face")} with lower scores: see the table of scores.`));
  const show = (index) => {
    now = index;
    placed(head, { left: times[index] / end });
    slider.setAttribute("aria-valuenow", index);
    slider.setAttribute("aria-valuetext", moments[index].caption);
    draw();
  };
  return { node, show };
}

function lane(face) {
  const plot = drawing("svg", { class: "plot", height: HEIGHT, "aria-hidden": "true" });
  const node = element("div", { class: "lane" },
    element("p", { class: "small" }, element("strong", {}, face.name), ` ${face.level.text}`,
      face.remarks.map((remark) => element("span", { class: "muted" }, ` · ${remark}`))),
    plot);
  return { node, plot, face };
}

function marks(face, width, end, threshold, now) {
  const x = (time) => (time / end) * width;
  const y = (score) => INSET + (HEIGHT - 2 * INSET) * (1 - score);
  const scored = face.observations.filter((one) => one.level.score !== null);
  const parts = [drawing("rect", { class: "ground", width, height: HEIGHT })];
  for (const { start, end: last } of face.spans) {
    parts.push(drawing("rect", { class: "span", x: x(start) - 7, width: x(last) - x(start) + 14, height: HEIGHT }));
  }
  if (threshold != null) {
    parts.push(drawing("line", { class: "threshold", x2: width, y1: y(threshold), y2: y(threshold) }));
  }
  parts.push(drawing("polyline", { points: scored.map((one) => `${x(one.time)},${y(one.level.score)}`).join(" ") }));
  for (const { time, level: { kind, score } } of face.observations) {
    const [cx, cy] = [x(time), y(score ?? 0.5)];
    if (kind === "unscored") parts.push(drawing("path", { class: "unscored", d: `M${cx - 4} ${cy - 4}l8 8m0-8l-8 8` }));
    else if (kind === "above") parts.push(drawing("path", { class: "above", d: `M${cx} ${cy - 7}l7 7l-7 7l-7-7z` }));
    else parts.push(drawing("circle", { class: "below", cx, cy, r: 5 }));
    if (time === now) parts.push(drawing("circle", { class: "chosen", cx, cy, r: 11 }));
  }
  return parts;
}

/** Score, interval, band and threshold on a bar from 0 to 100 %. */
export function gauge({ kind, gauge: { label, score, low, high, band, threshold, threshold_words: words } }) {
  return element("div", { class: `gauge ${kind}`, role: "img", "aria-label": label },
    element("div", { class: "bar" },
      band && placed(element("div", { class: "band" }), { left: band[0], width: band[1] - band[0] }),
      placed(element("div", { class: "interval" }), { left: low, width: high - low }),
      threshold != null && placed(element("div", { class: "threshold" }), { left: threshold }),
      placed(element("div", { class: "score" }), { left: score })),
    // The threshold's words go before the end that they would cover.
    element("div", { class: "ends small muted" }, element("span", {}, threshold < 0.2 && threshold != null ? "" : "0 %"),
      threshold != null && placed(element("span", { class: "middle" }, words), { left: Math.min(Math.max(threshold, 0.1), 0.9) }),
      element("span", {}, threshold > 0.8 ? "" : "100 %")));
}
