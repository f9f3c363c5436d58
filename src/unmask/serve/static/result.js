// Everything about one file: how far it has got, then what was found.

import { element } from "./element.js";
import { lookedAt } from "./looked.js";
import { moments } from "./moments.js";
import { gauge } from "./timeline.js";
import { advice, bytes, count, faceName, headline, kindOf, mark, meaning, percent, printable, range, seconds } from "./words.js";

/** Build the view of an entry. actions : cancel, hurry, again(frames), remove. Gives {node, update()}. */
export function resultView(entry, actions) {
  const { job, result } = entry;
  const heading = element("h2", { id: "result-title", tabindex: -1 }, element("bdi", {}, printable(entry.name)));
  const progress = ["done", "failed", "refused"].includes(entry.phase) ? null : progressView(entry, actions);
  const node = element("article", { "aria-labelledby": "result-title" },
    element("header", { class: "about" }, heading, element("p", { class: "small muted" }, about(entry))),
    progress ? progress.node : verdict(entry, actions),
    result && (result.tracks.length ? moments : lookedAt)(result, entry.pictures, job.links.report),
    result ? [report(entry, actions), facts(entry)] : null,
    !result && entry.phase !== "refused" && job && !progress ? element("p", {}, removal(actions)) : null);
  return { node, heading, update: () => progress?.update() };
}

function about({ job, size, result }) {
  const when = job && new Date(job.created).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
  const length = result?.coverage.duration;
  return [result && (result.kind === "video" ? "Video" : "Picture"), length != null && result.kind === "video" && seconds(length),
    bytes(size), when && `given on ${when}`].filter(Boolean).join(" · ");
}

function progressView(entry, actions) {
  const bar = element("progress", { max: 1, "aria-labelledby": "progress-words" });
  const words = element("p", { class: "words", id: "progress-words" });
  const rest = element("p", { class: "muted" });
  const stop = element("button", { type: "button", hidden: entry.phase === "fetching", on: { click: entry.job ? actions.remove : actions.cancel } }, "Cancel");
  const hurry = element("button", { type: "button", on: { click: actions.hurry } }, "Try now");
  const update = () => {
    const share = entry.progress ?? 0;
    const moving = entry.phase === "uploading" || entry.phase === "running";
    if (moving) bar.value = share;
    else bar.removeAttribute("value");
    const told = {
      waiting: ["Waiting to be sent", "One file is sent after the other."],
      uploading: [`Uploading ${percent(share)}`, `${bytes(Math.round(share * entry.size))} of ${bytes(entry.size)}`],
      retrying: ["The server is busy", `${entry.reason} Trying again in ${count(entry.left ?? 0, "second")}; nothing is lost.`],
      queued: ["In the queue", "The file has arrived. The scan begins when those before it are done; you may close this page."],
      running: [`Looking at the file, ${percent(share)} done`, "Frames are read, faces found and looked at."],
      fetching: ["Scanned", "Fetching the result."],
    }[entry.phase];
    [words.textContent, rest.textContent] = told;
    hurry.hidden = entry.phase !== "retrying";
  };
  update();
  return { node: element("div", { class: "card progress" }, words, bar, rest, element("p", { class: "row" }, hurry, stop)), update };
}

function verdict(entry, actions) {
  const { result } = entry;
  const kind = kindOf(entry);
  const more = entry.file && result?.kind === "video" && ["inconclusive", "no_face"].includes(result.verdict ?? result.status)
    && actions.moreFrames(entry);
  const reason = result?.detail ?? entry.job?.failure ?? entry.reason;
  return element("div", { class: `card verdict ${kind}` }, mark(kind),
    element("div", { class: "said" },
      element("p", { class: "words" }, capital(headline(entry))),
      element("p", {}, meaning(entry)),
      reason && element("p", { class: "reason" }, capital(printable(reason))),
      result?.interval && score(result),
      advice(entry) && element("p", {}, advice(entry)),
      more && element("button", { type: "button", on: { click: () => actions.again(more) } }, `Scan again with ${more} frames`)));
}

function score(result) {
  const { score: value, interval, coverage } = result;
  return element("div", { class: "score-part" },
    element("p", { class: "figure" }, element("strong", {}, percent(value)), " estimated probability of manipulation"),
    gauge(result),
    element("p", {}, `90 % interval: ${range(interval)}. ${basis(result)}`),
    element("p", { class: "small muted" }, `The interval says how far the estimate may be off because only ${count(coverage.frames_sampled, "frame")}
      ${coverage.frames_sampled === 1 ? "was" : "were"} looked at. It does not cover methods of manipulation newer than the detector.`));
}

/** Say which of several faces the verdict rests on, and why the file's score is not that face's. */
function basis({ score: value, tracks, decisive_track: id }) {
  const face = tracks.find((track) => track.id === id);
  if (!face || tracks.length < 2) return "";
  const lowered = face.score - value > 0.005;
  return `It rests on ${faceName(id)}${lowered ? ` (${percent(face.score)} by itself)` : ""}, the most suspicious of the faces seen long enough.`
    + (lowered ? " Of several faces one looks suspicious by chance, so it counts for less." : "");
}

function report({ job }, actions) {
  const link = (href, text, attributes = {}) => element("a", { class: "button", href, ...attributes }, text);
  return element("section", { class: "card", "aria-labelledby": "report-title" },
    element("h3", { id: "report-title" }, "Report"),
    element("p", {}, "One page that needs no network, to keep or pass on."),
    element("p", { class: "row" },
      link(`${job.links.report}?download=true`, "Download the report", { class: "button primary" }),
      link(job.links.report, "Open the report", { target: "_blank", rel: "noopener" }),
      link(`${job.links.report}/scan.json`, "JSON", { download: `unmask-${job.id.slice(0, 8)}.json` }),
      removal(actions)));
}

function removal(actions) {
  const dialog = element("dialog", { "aria-labelledby": "removal-title" },
    element("h3", { id: "removal-title" }, "Delete this scan?"),
    element("p", {}, "Its result and report are removed from the server for good."),
    element("form", { method: "dialog", class: "row" }, element("button", { value: "no" }, "Keep"),
      element("button", { value: "yes", class: "danger" }, "Delete")));
  dialog.addEventListener("close", () => dialog.returnValue === "yes" && actions.remove());
  return [element("button", { type: "button", class: "quiet", on: { click: () => dialog.showModal() } }, "Delete"), dialog];
}

function facts({ job, result }) {
  const { coverage, detector, evidence } = result;
  const file = evidence?.file;
  const rows = {
    "Looked at": sampledFrames(result),
    "Not looked at": coverage.longest_gap ? `up to ${seconds(coverage.longest_gap)} at a stretch` : null,
    "Scan took": seconds(result.seconds),
    Detector: `${detector.name} ${detector.version}, crop profile ${detector.crop_profile}`,
    "Detector's weights": hash(detector.sha256),
    File: [bytes(job.size), file?.container, file?.bit_rate && `${Math.round(file.bit_rate / 1000).toLocaleString("en")} kbit/s`].filter(Boolean).join(", "),
    "File's hash": hash(job.sha256),
  };
  for (const [number, stream] of (file?.streams ?? []).entries()) rows[`Stream ${number + 1}`] = streamWords(stream);
  for (const [name, value] of Object.entries(file?.tags ?? {})) rows[`Tag ${name}`] = value;
  const credentials = evidence?.credentials;
  if (credentials) rows["Content credentials"] = [credentials.state.replaceAll("_", " "), credentials.detail, credentials.signer].filter(Boolean).join("; ");
  if (job.expires) rows["Kept until"] = new Date(job.expires).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
  return element("section", { class: "card", "aria-labelledby": "facts-title" }, element("h3", { id: "facts-title" }, "Technical facts"),
    element("dl", {}, Object.entries(rows).filter(([, value]) => value).map(([name, value]) =>
      [element("dt", {}, printable(name)), element("dd", {}, typeof value === "string" ? printable(value) : value)])));
}

function sampledFrames({ verdict, coverage: { frames_sampled: sampled, frames_with_face: seen, frames_planned: planned } }) {
  if (!sampled) return "nothing";
  const spared = verdict && verdict !== "inconclusive" && planned > sampled;
  return `${count(sampled, "frame")}, ${seen} with a face${spared ? `; ${planned} would have been, had these not settled it` : ""}`;
}

function streamWords({ kind, codec, tags: _, ...others }) {
  const named = Object.entries(others).filter(([, value]) => value != null && typeof value !== "object");
  return [kind, codec, ...named.map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`)].filter(Boolean).join(", ");
}

function hash(value) {
  return element("span", {}, "SHA-256 ", element("code", {}, value));
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}
