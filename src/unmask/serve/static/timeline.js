// Scores over time, a lane for each face: one slider, by mouse, finger or keys.

import { drawing, element, placed } from "./element.js";
import { count, faceName, percent, range, seconds } from "./words.js";

const HEIGHT = 68;
const INSET = 13;
const LANES = 6;

/**
 * Draw the lanes of tracks (the one that the verdict rests on first). times : of all looks; pick(index) is called
 * when a moment is chosen; describe(index) puts it into words. Gives {node, show(index)}.
 */
export function timeline(result, tracks, times, pick, describe) {
  const end = Math.max(result.coverage.duration ?? 0, times.at(-1)) || 1;
  const { threshold } = result.detector;
  const lanes = tracks.slice(0, LANES).map((track) => lane(track, result, tracks.length, threshold));
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
    if (width) lanes.forEach(({ plot, track }) => plot.replaceChildren(...marks(track, width, end, threshold, times[now])));
  };
  new ResizeObserver(draw).observe(slider);

  const rest = tracks.length - lanes.length;
  const node = element("div", { class: "timeline" }, slider,
    element("p", { class: "axis small muted", "aria-hidden": "true" }, element("span", {}, "0 s"),
      element("span", {}, `${seconds(end / 2)}`), element("span", {}, seconds(end))),
    rest > 0 && element("p", { class: "small muted" }, `${count(rest, "more face")} with lower scores: see the table of looks.`));
  const show = (index) => {
    now = index;
    placed(head, { left: times[index] / end });
    slider.setAttribute("aria-valuenow", index);
    slider.setAttribute("aria-valuetext", describe(index));
    draw();
  };
  return { node, show };
}

function lane(track, result, faces, threshold) {
  const rests = track.id === result.decisive_track && faces > 1;
  const decisive = result.tracks.find((other) => other.id === result.decisive_track);
  // The verdict takes the most suspicious face that was seen long enough: one above it was not.
  const brief = decisive && track.score > decisive.score;
  const plot = drawing("svg", { class: "plot", height: HEIGHT, "aria-hidden": "true" });
  const spans = (track.spans ?? []).map(({ start, end }) => (start === end ? seconds(start) : `${seconds(start)} to ${seconds(end)}`));
  const node = element("div", { class: "lane" },
    element("p", { class: "small" }, element("strong", {}, faceName(track.id)), ` ${percent(track.score)}`,
      rests && element("span", { class: "muted" }, " · the verdict rests on this face"),
      brief && element("span", { class: "muted" }, " · seen too briefly to count"),
      spans.length > 0 && element("span", { class: "muted" }, ` · above the threshold: ${spans.slice(0, 4).join(", ")}${spans.length > 4 ? " …" : ""}`)),
    plot);
  return { node, plot, track };
}

function marks(track, width, end, threshold, now) {
  const x = (time) => (time / end) * width;
  const y = (score) => INSET + (HEIGHT - 2 * INSET) * (1 - score);
  const scored = track.frames.filter((frame) => frame.score !== null);
  const parts = [drawing("rect", { class: "ground", width, height: HEIGHT })];
  for (const { start, end: last } of track.spans ?? []) {
    parts.push(drawing("rect", { class: "span", x: x(start) - 7, width: x(last) - x(start) + 14, height: HEIGHT }));
  }
  if (threshold != null) {
    parts.push(drawing("line", { class: "threshold", x2: width, y1: y(threshold), y2: y(threshold) }));
  }
  parts.push(drawing("polyline", { points: scored.map((frame) => `${x(frame.time)},${y(frame.score)}`).join(" ") }));
  for (const frame of track.frames) {
    const [cx, cy] = [x(frame.time), y(frame.score ?? 0.5)];
    if (frame.score === null) parts.push(drawing("path", { class: "unscored", d: `M${cx - 4} ${cy - 4}l8 8m0-8l-8 8` }));
    else if (threshold != null && frame.score >= threshold) {
      parts.push(drawing("path", { class: "above", d: `M${cx} ${cy - 7}l7 7l-7 7l-7-7z` }));
    } else parts.push(drawing("circle", { class: "below", cx, cy, r: 5 }));
    if (frame.time === now) parts.push(drawing("circle", { class: "chosen", cx, cy, r: 11 }));
  }
  return parts;
}

/** Score, interval, band and threshold on a bar from 0 to 100 %. */
export function gauge(result) {
  const [low, high] = result.interval;
  const { threshold, band } = result.detector;
  const label = `Score ${percent(result.score)}, 90 % interval ${range(result.interval)}`
    + (threshold != null ? `, threshold ${percent(threshold)}` : "");
  return element("div", { class: `gauge ${result.verdict}`, role: "img", "aria-label": label },
    element("div", { class: "bar" },
      band && placed(element("div", { class: "band" }), { left: band[0], width: band[1] - band[0] }),
      placed(element("div", { class: "interval" }), { left: low, width: high - low }),
      threshold != null && placed(element("div", { class: "threshold" }), { left: threshold }),
      placed(element("div", { class: "score" }), { left: result.score })),
    element("div", { class: "ends small muted" }, element("span", {}, "0 %"),
      threshold != null && placed(element("span", { class: "middle" }, `threshold ${percent(threshold)}`), { left: threshold }),
      element("span", {}, "100 %")));
}
