// Everything about one file: how far it has got, then what was found.

import { element } from "./element.js";
import { whatWasAnalysed } from "./analysed.js";
import { feedbackForm } from "./feedback.js";
import { moments } from "./moments.js";
import { gauge } from "./timeline.js";
import { bytes, capital, count, kindOf, mark, printable, share, withoutResult } from "./words.js";

/** Build the view of an entry. actions : cancel, hurry, again(frames), remove. Gives {node, update()}. */
export function resultView(entry, actions) {
  const { job, result, view } = entry;
  const heading = element("h2", { id: "result-title", tabindex: -1 }, element("bdi", {}, printable(entry.name)));
  const progress = ["done", "failed", "refused"].includes(entry.phase) ? null : progressView(entry, actions);
  const node = element("article", { "aria-labelledby": "result-title" },
    element("header", { class: "about" }, heading, element("p", { class: "small muted" }, about(entry))),
    progress ? progress.node : verdict(entry, actions),
    view?.opinions.map(opinionCard),
    view && (view.faces.length ? moments : whatWasAnalysed)(view, entry.pictures, job.links.report),
    result ? [report(entry, actions), facts(entry), feedbackForm(job)] : null,
    !result && entry.phase !== "refused" && job && !progress ? element("p", {}, removal(actions)) : null);
  return { node, heading, update: () => progress?.update() };
}

function about({ job, size, view }) {
  const when = job && new Date(job.created).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
  return [...(view?.about ?? []), bytes(size), when && `given on ${when}`].filter(Boolean).join(" · ");
}

function progressView(entry, actions) {
  const bar = element("progress", { max: 1, "aria-labelledby": "progress-words" });
  const words = element("p", { class: "words", id: "progress-words" });
  const rest = element("p", { class: "muted" });
  const stop = element("button", { type: "button", hidden: entry.phase === "fetching", on: { click: entry.job ? actions.remove : actions.cancel } }, "Cancel");
  const hurry = element("button", { type: "button", on: { click: actions.hurry } }, "Try now");
  const update = () => {
    const done = entry.progress ?? 0;
    const moving = entry.phase === "uploading" || entry.phase === "running";
    if (moving) bar.value = done;
    else bar.removeAttribute("value");
    const told = {
      waiting: ["Waiting to be sent", "One file is sent after the other."],
      uploading: [`Uploading ${share(done)}`, `${bytes(Math.round(done * entry.size))} of ${bytes(entry.size)}`],
      retrying: ["The server is busy", `${entry.reason} Trying again in ${count(entry.left ?? 0, "second")}; nothing is lost.`],
      queued: ["In the queue", "The file has arrived. The scan begins when those before it are done; you may close this page."],
      running: [`Analysing the file, ${share(done)} done`, "Frames are decoded, faces found and scored."],
      fetching: ["Scanned", "Fetching the result."],
    }[entry.phase];
    [words.textContent, rest.textContent] = told;
    hurry.hidden = entry.phase !== "retrying";
  };
  update();
  return { node: element("div", { class: "card progress" }, words, bar, rest, element("p", { class: "row" }, hurry, stop)), update };
}

function verdict(entry, actions) {
  const { result, view } = entry;
  const said = view?.said ?? withoutResult(entry);
  const more = entry.file && view?.is_video && ["inconclusive", "no_face"].includes(result.verdict ?? result.status)
    && actions.moreFrames(entry);
  const reason = view?.detail || entry.job?.failure || entry.reason;
  return element("div", { class: `card verdict ${said.kind}` }, mark(said.kind),
    element("div", { class: "said" },
      element("p", { class: "words" }, capital(said.headline)),
      said.meaning && element("p", {}, said.meaning),
      reason && element("p", { class: "reason" }, capital(printable(reason))),
      said.score && score(said, view),
      reasons(said),
      view?.advice && element("p", {}, view.advice),
      view?.not_asked.length > 0 && element("p", { class: "muted" }, `Not answered: ${view.not_asked.join(" ")}`),
      more && element("button", { type: "button", on: { click: () => actions.again(more) } }, `Scan again with ${more} frames`)));
}

function score(said, view) {
  return element("div", { class: "score-part" },
    element("p", { class: "figure" }, element("strong", {}, said.score), " estimated probability of manipulation"),
    gauge(said),
    element("p", {}, `90 % interval: ${said.interval}. ${view?.basis ?? ""}`),
    view && element("p", { class: "small muted" }, view.interval_note));
}

function reasons({ reasons: all }) {
  return all.length ? element("ul", { class: "reasons small" }, all.map((reason) => element("li", {}, reason))) : null;
}

/** One of several opinions: its question, what it says, and about what. */
function opinionCard({ question, detector, said, subjects }) {
  const timed = subjects.some((subject) => subject.when);
  const rows = subjects.map((subject) => element("tr", {},
    element("th", { scope: "row" }, subject.name, subject.decisive && subjects.length > 1 && " (the answer rests on it)"),
    timed && element("td", {}, subject.when), element("td", {}, subject.level.text), element("td", {}, subject.interval)));
  const heads = ["Analysed", timed && "When", "Score", "90 % interval"].filter(Boolean);
  return element("section", { class: `card verdict opinion ${said.kind}` }, mark(said.kind),
    element("div", { class: "said" },
      element("h3", {}, question), element("p", { class: "words" }, capital(said.headline)), element("p", {}, said.meaning),
      said.score && score(said), reasons(said),
      rows.length > 0 && element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `What was analysed: ${question}` },
        element("table", {}, element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col" }, head)))),
          element("tbody", {}, rows))),
      element("p", { class: "small muted" }, `Detector: ${detector}`)));
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

function facts({ job, view }) {
  if (!view) return null;
  const rows = [
    view.coverage && { name: "Analysed", value: `${view.coverage.analysed} ${view.coverage.found} ${view.coverage.left_out}` },
    ...view.facts,
    ...(view.file?.rows ?? [{ name: "Size", value: bytes(job.size) }, { name: "SHA-256", value: job.sha256, code: true }]),
    ...(view.file?.tags ?? []).map(({ name, value }) => ({ name: `Tag ${name}`, value })),
    ...(view.sound ?? []),
    ...(view.origin?.rows ?? []),
    view.origin && { name: "Stated origin", value: view.origin.note },
    view.credentials && { name: "Content credentials", value: `${view.credentials.state}. ${view.credentials.meaning}` },
    ...(view.credentials?.rows ?? []),
    job.expires && { name: "Kept until", value: new Date(job.expires).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" }) },
  ].filter(Boolean);
  return element("section", { class: "card", "aria-labelledby": "facts-title" }, element("h3", { id: "facts-title" }, "Technical facts"),
    element("dl", {}, rows.map(({ name, value, code }) => [element("dt", {}, name), element("dd", {}, code ? element("code", {}, value) : value)])));
}
