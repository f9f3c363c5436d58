// What the visitor knows of the file: a small form below its result.

import { element } from "./element.js";
import { settings } from "./words.js";

const LABELS = [["real", "Real"], ["fake", "Manipulated or made by a machine"], ["unsure", "I do not know"]];
const NOTE_LENGTH = 2000;

/** Build the form of a finished job; what was said before is filled in. */
export function feedbackForm(job) {
  const said = job.feedback;
  const choices = LABELS.map(([value, words]) => element("label", {},
    element("input", { type: "radio", name: "label", value, required: true, checked: said?.label === value }), ` ${words}`));
  const note = element("textarea", { id: "feedback-note", name: "note", maxlength: NOTE_LENGTH, rows: 2 });
  note.value = said?.note ?? "";
  const keep = job.kept && settings.feedbackFiles && element("input", { type: "checkbox", name: "keep", checked: said?.kept });
  const told = element("p", { class: "small", role: "status" }, said ? "You said so before; you may change it." : "");
  const button = element("button", { type: "submit" }, "Send");
  const form = element("form", {},
    element("fieldset", {}, element("legend", {}, "This file is"), choices),
    element("label", { for: "feedback-note" }, "Note (optional): how do you know?"), note,
    keep && element("label", {}, keep, " The server may keep the file to evaluate detectors on it"),
    element("p", { class: "row" }, button), told);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    const values = { label: new FormData(form).get("label"), note: note.value, keep_file: Boolean(keep && keep.checked) };
    const answer = await send(`${job.links.self}/feedback`, values);
    if (answer.feedback) job.feedback = answer.feedback;
    told.textContent = answer.feedback ? "Thank you. You may change it as long as the result is kept." : answer.problem;
    button.disabled = false;
  });
  return element("details", { class: "card feedback" },
    element("summary", {}, "Do you know what this file is?"),
    element("p", { class: "small muted" },
      "Your answer changes no result. It is stored with the result and the file's SHA-256, without its name, for later evaluations."),
    form);
}

async function send(address, values) {
  const headers = { "Content-Type": "application/json" };
  const response = await fetch(address, { method: "POST", headers, body: JSON.stringify(values) }).catch(() => null);
  if (response?.ok) return { feedback: await response.json() };
  const problem = await response?.json().catch(() => null);
  return { problem: problem?.detail ? `Not stored: ${problem.detail}.` : "The server does not answer." };
}
