// The page: files come in, a list shows where each has got to, and one of them is on view.

import { element } from "./element.js";
import { Follower } from "./follow.js";
import { resultView } from "./result.js";
import { Uploads } from "./upload.js";
import { count, headline, kindOf, mark, printable, settings, share } from "./words.js";

const by = (id) => document.getElementById(id);
const entries = [];
const items = new Map();
let selected = null;
let view = null;
let cursor = null;
let added = 0;

const uploads = new Uploads(changed, accepted);
const follower = new Follower(
  () => entries.filter((entry) => entry.job && !isOver(entry)).map((entry) => entry.job.id).reverse(),
  heard,
  (id) => forget(entries.find((entry) => entry.job?.id === id)),
  (answers) => document.body.classList.toggle("unreachable", !answers),
);

// Files come in

function take(files) {
  const fields = {};
  if (by("frames").selectedIndex > 0) fields.frames = by("frames").value;
  const detectors = [...document.querySelectorAll("#detectors input:checked")].map((box) => box.value);
  if (detectors.length) fields.detector = detectors;
  add([...files].map((file) => ({ file, fields })));
}

function add(chosen) {
  if (!chosen.length) return;
  const fresh = chosen.map(({ file, fields }) => ({ key: `new-${++added}`, file, fields, name: file.name, size: file.size }));
  entries.unshift(...fresh);
  fresh.forEach((entry) => uploads.add(entry));
  announce(fresh.length === 1 ? `${printable(fresh[0].name)} was added` : `${count(fresh.length, "file")} were added`);
  drawList();
  select(fresh[0]);
}

function accepted(entry, job) {
  const was = entry.key;
  entry.key = job.id;
  items.set(job.id, items.get(was));
  items.delete(was);
  if (entry === selected) history.replaceState(null, "", `#${job.id}`);
  learn(entry, job);
  changed(entry);
  follow();
}

// News from the server

function learn(entry, { result, view: shown, ...job }) {
  const before = entry.phase;
  Object.assign(entry, { job, phase: job.state, progress: job.progress, name: job.name, size: job.size, status: job.status, verdict: job.verdict });
  if (result) Object.assign(entry, { result, view: shown });
  if (before && before !== entry.phase && isOver(entry)) announce(`${printable(entry.name)}: ${spoken(entry)}`);
}

function heard(job) {
  const entry = entries.find((other) => other.job?.id === job.id);
  if (!entry) return;
  learn(entry, job);
  changed(entry);
}

async function complete(entry) {
  if (entry.fetching || entry.phase !== "done" || entry.complete) return;
  entry.fetching = true;
  try {
    if (!entry.result) learn(entry, await fetched(entry.job.links.self));
    entry.pictures = entry.result.evidence ? await fetched(`${entry.job.links.report}/pictures.json`).catch(() => null) : null;
    entry.complete = true;
  } catch {
    setTimeout(() => changed(entry), 3000);
  }
  entry.fetching = false;
  if (entry.complete) changed(entry);
}

async function fetched(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return response.json();
}

async function loadList() {
  const query = cursor ? `&before=${cursor}` : "";
  const page = await fetched(`/v1/scans?limit=20${query}`);
  for (const job of page.items) {
    if (entries.some((entry) => entry.job?.id === job.id)) continue;
    const entry = { key: job.id, name: job.name, size: job.size };
    learn(entry, job);
    entries.push(entry);
  }
  cursor = page.next;
  by("older").hidden = !cursor;
  drawList();
}

// What is on view

function select(entry, focus = false) {
  selected = entry;
  view = null;
  if (entry) history.replaceState(null, "", `#${entry.key}`);
  show();
  items.forEach((item, key) => item.link.setAttribute("aria-current", key === entry?.key));
  follow();
  if (entry && matchMedia("(max-width: 60rem)").matches) by("result").scrollIntoView();
  if (focus) view?.heading.focus({ preventScroll: true });
}

function show() {
  document.title = selected ? `${selected.verdict ? `${headline(selected)}: ` : ""}${printable(selected.name)} · unmask` : "unmask";
  if (!selected) {
    by("result").replaceChildren(entries.length ? element("p", { class: "muted hint" }, "Choose a file from the list to see its result.") : "");
    return;
  }
  complete(selected);
  const entry = selected;
  const phase = entry.phase === "done" && !entry.complete ? "fetching" : entry.phase;
  if (view?.entry === entry && view.phase === phase) {
    view.update();
    return;
  }
  const held = by("result").contains(document.activeElement);
  const shown = phase === "fetching" ? { ...entry, result: null, view: null, phase: "fetching" } : entry;
  view = resultView(shown, {
    cancel: () => { uploads.cancel(entry); forget(entry); },
    hurry: () => uploads.hurry(entry),
    remove: () => remove(entry),
    again: (frames) => add([{ file: entry.file, fields: { ...entry.fields, frames } }]),
    moreFrames: () => moreThan(Math.max(entry.job.frames ?? 0, entry.result.coverage.frames_sampled)),
  });
  if (shown === entry) Object.assign(view, { entry, phase });
  else Object.assign(view, { entry, phase, update: () => {} });
  by("result").replaceChildren(view.node);
  if (held) view.heading.focus({ preventScroll: true });
}

function moreThan(sampled) {
  return [...by("frames").options].map((option) => Number(option.value)).find((frames) => frames > sampled);
}

function changed(entry) {
  drawItem(entry);
  if (entry === selected) show();
}

function follow() {
  follower.watch(selected?.job && !isOver(selected) ? selected.job.id : null);
}

async function remove(entry) {
  const response = await fetch(entry.job.links.self, { method: "DELETE" }).catch(() => null);
  if (response?.ok || response?.status === 404) forget(entry);
  else announce("It could not be deleted: the server does not answer");
}

function forget(entry) {
  const place = entries.indexOf(entry);
  if (place < 0) return;
  entries.splice(place, 1);
  items.get(entry.key)?.node.remove();
  items.delete(entry.key);
  announce(`${printable(entry.name)} was removed`);
  drawList();
  if (entry === selected) {
    select(null);
    history.replaceState(null, "", "#");
    (by("list").querySelector("a") ?? by("files")).focus();
  }
}

// The list

function drawList() {
  by("scans").hidden = !entries.length;
  by("main").classList.toggle("bare", !entries.length);
  entries.forEach(drawItem);
  by("list").replaceChildren(...entries.map((entry) => items.get(entry.key).node));
  if (!selected) show();
}

function drawItem(entry) {
  let item = items.get(entry.key);
  if (!item) {
    const link = element("a", { on: { click: (event) => { event.preventDefault(); select(entry, true); } } });
    item = { link, node: element("li", {}, link) };
    items.set(entry.key, item);
  }
  const kind = kindOf(entry);
  const words = listed(entry);
  if (item.words === words && item.kind === kind) return;
  Object.assign(item, { words, kind });
  item.link.href = `#${entry.key}`;
  item.link.setAttribute("aria-current", entry === selected);
  item.link.replaceChildren(mark(kind), element("span", {}, element("bdi", { class: "name" }, printable(entry.name)),
    element("span", { class: `small state ${kind}` }, words)));
}

function listed(entry) {
  const moving = entry.phase === "uploading" || entry.phase === "running";
  const figure = entry.job?.words.score ?? (moving ? share(entry.progress) : null);
  return figure === null ? headline(entry) : `${headline(entry)}, ${figure}`;
}

function spoken(entry) {
  const { score } = entry.job.words;
  return score === null ? headline(entry) : `${headline(entry)}, probability of manipulation ${score}`;
}

function isOver(entry) {
  return ["done", "failed", "refused"].includes(entry.phase);
}

function announce(text) {
  by("announcer").textContent = text;
}

// Ways in

by("files").addEventListener("change", (event) => {
  take(event.target.files);
  event.target.value = "";
});
by("drop").addEventListener("submit", (event) => event.preventDefault());
let depth = 0;
for (const [type, change] of [["dragenter", 1], ["dragleave", -1]]) {
  document.addEventListener(type, () => {
    depth = Math.max(0, depth + change);
    by("drop").classList.toggle("over", depth > 0);
  });
}
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  depth = 0;
  by("drop").classList.remove("over");
  if (!by("work").hidden) take(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  if (!by("work").hidden && event.clipboardData.files.length) take(event.clipboardData.files);
});
by("older").addEventListener("click", () => loadList().catch(() => announce("The server does not answer")));
window.addEventListener("hashchange", openNamed);

async function openNamed(event) {
  const key = location.hash.slice(1);
  if (!/^[0-9a-f]{32}$/.test(key) || key === selected?.key) return;
  let entry = entries.find((other) => other.key === key);
  if (!entry) {
    try {
      const job = await fetched(`/v1/scans/${key}`);
      entry = { key, name: job.name, size: job.size };
      learn(entry, job);
      entries.push(entry);
      drawList();
    } catch {
      announce("There is no such scan: it was deleted, or its time is over");
      return;
    }
  }
  select(entry, Boolean(event));
}

by("sign-in")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ key: by("key").value.trim() });
  const response = await fetch("/v1/session", { method: "POST", headers, body }).catch(() => null);
  if (response?.ok) location.reload();
  else by("sign-in-problem").textContent = response?.status === 401 ? "This server does not know that key." : "The server does not answer.";
});
by("sign-out").addEventListener("click", async () => {
  await fetch("/v1/session", { method: "DELETE" }).catch(() => null);
  location.assign("/");
});

if (settings.signedIn) by("sign-out").hidden = false;
if (!by("work").hidden) {
  loadList().then(() => openNamed()).then(follow).catch(() => announce("The server does not answer"));
}
