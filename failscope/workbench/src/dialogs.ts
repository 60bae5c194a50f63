// What lies over the panes: the page of keys, and the line that asks the reader for a name.

import { fill, h, kbd } from "./dom";
import { HELP, type HelpPart } from "./keys";

export class Dialogs {
  readonly prompt = h("form", { class: "fs-prompt", hidden: true });
  readonly help = h("div", { class: "fs-help", role: "dialog", "aria-modal": "true", "aria-label": "Keys", hidden: true, tabindex: -1 });

  /** @param done gives the focus back to the workbench */
  constructor(
    private readonly done: () => void,
    private readonly parts: HelpPart[] = HELP,
    private readonly foot = "What you say is saved at once, under your name. Hollow points on the map are read; grey ones have no value or are not selected.",
  ) {}

  /** Ask for one line of text; `answer` hears it when it is not empty. */
  ask(label: string, action: string, value: string, choices: string[], answer: (text: string) => void, longest = 120): void {
    const id = `fs-${Math.random().toString(36).slice(2, 8)}`;
    const input = h("input", { class: "fs-input", type: "text", "aria-label": label, list: id, autocomplete: "off", maxlength: longest });
    input.value = value;
    const missing = h("span", { class: "fs-missing", role: "alert", hidden: true }, "It needs some words first");
    input.addEventListener("input", () => (missing.hidden = true));
    fill(
      this.prompt,
      h("label", {}, label),
      input,
      h("datalist", { id }, ...choices.map((c) => h("option", { value: c }))),
      h("button", { class: "fs-button fs-primary", type: "submit" }, action),
      h("button", { class: "fs-button", type: "button", onclick: () => this.closePrompt() }, "Cancel"),
      missing,
    );
    this.prompt.onsubmit = (e) => {
      e.preventDefault();
      const text = input.value.trim();
      if (!text) {
        missing.hidden = false;
        return input.focus();
      }
      this.closePrompt();
      answer(text);
    };
    this.prompt.hidden = false;
    input.focus({ preventScroll: true });
    input.select();
  }

  /** Ask before what cannot be taken back. */
  confirm(label: string, action: string, go: () => void): void {
    const yes = h("button", { class: "fs-button fs-primary", type: "submit" }, action);
    fill(this.prompt, h("label", {}, label), yes, h("button", { class: "fs-button", type: "button", onclick: () => this.closePrompt() }, "Cancel ", kbd("Esc")));
    this.prompt.onsubmit = (e) => {
      e.preventDefault();
      this.closePrompt();
      go();
    };
    this.prompt.hidden = false;
    yes.focus({ preventScroll: true });
  }

  closePrompt(): void {
    this.prompt.hidden = true;
    this.done();
  }

  /** @param looking nothing can be written, so that keys that write are left out */
  toggleHelp(looking: boolean): void {
    if (!this.help.hidden) {
      this.help.hidden = true;
      this.done();
      return;
    }
    fill(
      this.help,
      h(
        "div",
        { class: "fs-help-box" },
        h("div", { class: "fs-help-head" }, h("h3", {}, "Keys"), h("button", { class: "fs-button", type: "button", onclick: () => this.toggleHelp(looking) }, "Close ", kbd("Esc"))),
        h(
          "div",
          { class: "fs-help-columns" },
          ...this.parts.map(({ title, rows }) =>
            h("section", {}, h("h4", {}, title), h("dl", {}, ...rows.filter((r) => !(looking && r.writes)).flatMap((r) => [h("dt", {}, ...(r.keys[0] === "Shift" && r.keys.length === 2 ? [`Shift ${r.keys[1]!.toUpperCase()}`] : r.keys).map((k) => h("kbd", {}, k))), h("dd", {}, r.does)]))),
          ),
        ),
        h("p", { class: "fs-quiet" }, this.foot),
      ),
    );
    this.help.hidden = false;
    this.help.focus({ preventScroll: true });
  }
}
