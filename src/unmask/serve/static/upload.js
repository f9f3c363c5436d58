// Sends files one after the other; a busy server is asked again after the time that it names.

import { settings } from "./words.js";

export class Uploads {
  /** changed(entry) is called at each change; accepted(entry, job) when the server has made a job. */
  constructor(changed, accepted) {
    this.changed = changed;
    this.accepted = accepted;
    this.waiting = [];
    this.current = null;
  }

  add(entry) {
    if (entry.file.size > settings.uploadBytes) {
      this.refuse(entry, `It is larger than the ${settings.most} that this server takes.`);
    } else if (!entry.file.size) {
      this.refuse(entry, "It is empty, or a folder. Choose the files inside a folder instead.");
    } else {
      entry.phase = "waiting";
      this.changed(entry);
      this.waiting.push(entry);
      this.next();
    }
  }

  /** Drop an entry that is waiting or on its way. */
  cancel(entry) {
    this.waiting = this.waiting.filter((other) => other !== entry);
    if (this.current === entry) {
      clearTimeout(this.timer);
      this.request?.abort();
      this.done();
    }
  }

  next() {
    if (this.current || !this.waiting.length) return;
    this.current = this.waiting.shift();
    this.send(this.current);
  }

  done() {
    this.current = null;
    this.next();
  }

  send(entry) {
    const form = new FormData();
    for (const [name, value] of Object.entries(entry.fields)) {
      for (const one of [value].flat()) form.append(name, one);
    }
    form.append("file", entry.file, entry.file.name);
    const request = new XMLHttpRequest();
    this.request = request;
    request.open("POST", "/v1/scans");
    request.upload.onprogress = (event) => {
      entry.progress = event.lengthComputable ? event.loaded / event.total : 0;
      this.changed(entry);
    };
    request.onload = () => this.answered(entry, request);
    request.onerror = () => {
      this.refuse(entry, "The connection to the server broke. Is it still running?");
      this.done();
    };
    entry.phase = "uploading";
    entry.progress = 0;
    this.changed(entry);
    request.send(form);
  }

  answered(entry, request) {
    if (request.status === 202) {
      this.accepted(entry, JSON.parse(request.responseText));
      this.done();
    } else if (request.status === 429 || (request.status === 503 && request.getResponseHeader("Retry-After"))) {
      this.waitAndTry(entry, Number(request.getResponseHeader("Retry-After")) || 5, problem(request));
    } else {
      this.refuse(entry, problem(request), request.status);
      this.done();
    }
  }

  waitAndTry(entry, left, reason) {
    entry.phase = "retrying";
    entry.reason = reason;
    entry.left = left;
    this.changed(entry);
    this.timer = setTimeout(() => (left > 1 ? this.waitAndTry(entry, left - 1, reason) : this.send(entry)), 1000);
  }

  /** Try a waiting entry at once. */
  hurry(entry) {
    if (this.current === entry && entry.phase === "retrying") {
      clearTimeout(this.timer);
      this.send(entry);
    }
  }

  refuse(entry, reason, status = 0) {
    entry.phase = "refused";
    entry.reason = reason;
    entry.signedOut = status === 401;
    this.changed(entry);
  }
}

/** The one-line reason in a problem document, as a sentence. */
function problem(request) {
  let detail = "";
  try {
    detail = JSON.parse(request.responseText).detail ?? "";
  } catch {
    detail = `the server answered ${request.status}`;
  }
  return detail && `${detail[0].toUpperCase()}${detail.slice(1)}${/[.!?]$/.test(detail) ? "" : "."}`;
}
