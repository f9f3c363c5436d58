// Follows jobs: the one on view by server-sent events, the others, or all where events do not come, by polling.

const PERIOD = 1000;
const LONGEST = 15000;
const AT_ONCE = 4;

export class Follower {
  /**
   * unfinished() gives ids, those that began first first; heard(job) and gone(id) are told what came;
   * reachable(bool) whether the server answers.
   */
  constructor(unfinished, heard, gone, reachable) {
    Object.assign(this, { unfinished, heard, gone, reachable });
    this.watched = null;
    this.streaming = null;
    this.period = PERIOD;
    this.timer = null;
  }

  /** Follow one job by events (a browser allows few connections), all others by polling; null for none. */
  watch(id) {
    if (id !== this.watched) {
      this.close();
      this.watched = id;
      if (id && "EventSource" in window) this.open(id);
    }
    this.schedule();
  }

  open(id) {
    const source = new EventSource(`/v1/scans/${id}/events`);
    this.source = source;
    source.addEventListener("job", (event) => {
      // Only an event that arrived shows that nothing on the way holds events back.
      this.streaming = id;
      this.take(JSON.parse(event.data));
    });
    source.addEventListener("deleted", () => {
      this.close();
      this.gone(id);
    });
    source.onerror = () => {
      this.streaming = null;
      this.schedule();
    };
  }

  close() {
    this.source?.close();
    this.source = this.streaming = this.watched = null;
  }

  take(job) {
    if (job.id === this.watched && (job.state === "done" || job.state === "failed")) this.close();
    this.heard(job);
  }

  schedule() {
    if (this.timer === null && this.polled().length) this.timer = setTimeout(() => this.poll(), this.period);
  }

  polled() {
    return this.unfinished().filter((id) => id !== this.streaming);
  }

  async poll() {
    const answers = await Promise.all(this.polled().slice(0, AT_ONCE).map((id) => this.ask(id)));
    const answered = !answers.includes(false);
    if (answers.length) this.reachable(answered);
    this.period = answered ? PERIOD : Math.min(2 * this.period, LONGEST);
    this.timer = null;
    this.schedule();
  }

  async ask(id) {
    try {
      const response = await fetch(`/v1/scans/${id}`);
      if (response.status === 404) this.gone(id);
      else if (response.ok) this.take(await response.json());
      return response.ok || response.status === 404;
    } catch {
      return false;
    }
  }
}
