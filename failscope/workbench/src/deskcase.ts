// The case that is looked at: what the gate says, what production said and should have said, who said what, and its past.

import { bdi, fill, h, kbd } from "./dom";
import type { Check, DeskCase, Past } from "./deskwire";
import { agreementSaid, checkSaid, difference, glyphOf, when } from "./deskwords";
import { compared, LABELS, textPart } from "./pieces";
import type { Piece } from "./protocol";
import { ALIKE, count, MOST_TOKENS, oneLine, plural } from "./text";

export type Verb = "expected" | "input" | "criteria" | "mask" | "answer" | "undo" | "accept" | "sendBack" | "reject" | "waive" | "settle";

const VERBS: { verb: Verb; label: string; key: string; title: string; curator?: true }[] = [
  { verb: "accept", label: "Accept", key: "y", title: "Accept", curator: true },
  { verb: "sendBack", label: "Send back", key: "b", title: "Send back with a question", curator: true },
  { verb: "reject", label: "Reject", key: "d", title: "Reject with a reason", curator: true },
  { verb: "waive", label: "Waive", key: "v", title: "Waive a check with a reason", curator: true },
  { verb: "expected", label: "Expected", key: "e", title: "Write the output that should come" },
  { verb: "input", label: "Input", key: "i", title: "Edit the input" },
  { verb: "criteria", label: "Criteria", key: "c", title: "Say what an output must fulfil" },
  { verb: "mask", label: "Mask", key: "m", title: "Mask personal data; shows it first" },
  { verb: "answer", label: "Answer", key: "r", title: "Answer the question" },
  { verb: "undo", label: "Undo", key: "u", title: "Take back your last word" },
];

interface Events {
  next(): void;
  previous(): void;
  act(verb: Verb): void;
  more(id: string, part: string, start: number): Promise<Piece>;
}

export class CasePane {
  readonly el: HTMLElement;
  readonly scroll = h("div", { class: "fs-scroll", tabindex: 0, role: "document", "aria-label": "Case" });
  private readonly position = h("span", { class: "fs-position" });
  private readonly state = h("span", { class: "fs-desk-state" });
  private readonly id = h("span", { class: "fs-quiet fs-id", title: "trace id" });
  private readonly reason = h("div", { class: "fs-quiet fs-reason" });
  private readonly question = h("div", { class: "fs-desk-question", role: "note", hidden: true });
  private readonly news = h("div", { class: "fs-desk-news", role: "status", hidden: true });
  private readonly compareButton = h("button", { class: "fs-button", type: "button", "aria-pressed": "true", title: "The difference from what production said, or both texts whole (f)", onclick: () => this.toggleCompare() }, "Difference ", kbd("f"));
  private readonly bulk = h("p", { class: "fs-desk-bulk", role: "status", hidden: true });
  private readonly buttons = new Map<Verb, HTMLButtonElement>();
  private shown: DeskCase | null = null;
  private comparing = true;
  private bound = "";

  constructor(private readonly on: Events) {
    for (const { verb, label, key, title } of VERBS) {
      this.buttons.set(verb, h("button", { class: `fs-button fs-desk-verb${verb === "accept" ? " fs-primary" : ""}`, type: "button", "data-verb": verb, title: `${title} (${key})`, onclick: () => this.on.act(verb) }, `${label} `, kbd(key)));
    }
    this.el = h(
      "section",
      { class: "fs-pane fs-reading fs-desk-case", "aria-label": "Case", "data-pane": "case" },
      h(
        "header",
        { class: "fs-read-head" },
        h(
          "div",
          { class: "fs-read-nav" },
          h("button", { class: "fs-button fs-icon", type: "button", "aria-label": "Previous case (k)", title: "Previous case (k)", onclick: () => on.previous() }, "‹"),
          h("button", { class: "fs-button fs-icon", type: "button", "aria-label": "Next case (j)", title: "Next case (j)", onclick: () => on.next() }, "›"),
          this.position,
          this.state,
          h("span", { class: "fs-gap" }),
          this.id,
          this.compareButton,
        ),
        this.reason,
        this.question,
        this.news,
      ),
      this.scroll,
      h(
        "footer",
        { class: "fs-judge fs-desk-verbs", "aria-label": "Decide" },
        this.bulk,
        h("div", { class: "fs-judge-row" }, ...this.group(true), h("span", { class: "fs-desk-split", "aria-hidden": "true" }), ...this.group(false)),
      ),
    );
  }

  private group(curator: boolean): HTMLElement[] {
    return VERBS.filter((v) => (v.curator ?? false) === curator).map((v) => this.buttons.get(v.verb)!);
  }

  get current(): DeskCase | null {
    return this.shown;
  }

  empty(text: string): void {
    this.shown = null;
    fill(this.scroll, h("p", { class: "fs-quiet fs-empty" }, text));
  }

  /** Why this person may not decide, "" for a curator: the buttons say it and do nothing. */
  setBound(bound: string): void {
    this.bound = bound;
    for (const { verb, title, key, curator } of VERBS) {
      if (!curator) continue;
      const button = this.buttons.get(verb)!;
      button.setAttribute("aria-disabled", String(bound !== ""));
      button.title = bound || `${title} (${key})`;
    }
  }

  setChosen(n: number): void {
    this.bulk.hidden = n === 0;
    if (n > 0) fill(this.bulk, h("b", {}, plural(n, "case")), " chosen: ", kbd("y"), " ", kbd("b"), " ", kbd("d"), " ", kbd("v"), " act on all of them, ", kbd("Esc"), " drops the choice");
  }

  setPosition(said: string): void {
    this.position.textContent = said;
  }

  /** Somebody else spoke of the case that is looked at. */
  setNews(text: string): void {
    this.news.hidden = text === "";
    this.news.textContent = text;
  }

  show(shown: DeskCase): void {
    const again = this.shown?.id === shown.id;
    const at = this.scroll.scrollTop;
    if (!again) this.setNews("");
    this.shown = shown;
    this.state.className = `fs-desk-state fs-desk-is-${shown.status.replace(" ", "-")}`;
    fill(this.state, h("span", { "aria-hidden": "true" }, `${glyphOf(shown.status)} `), shown.status);
    fill(this.id, bdi(oneLine(shown.id, 44)));
    this.id.title = `trace id: ${oneLine(shown.id, 200)}`;
    fill(this.reason, ...shown.proposed.slice(-3).map((p, k) => h("span", {}, k ? " · " : "", "proposed by ", bdi(oneLine(p.reviewer, 40)), p.reason ? [": ", oneLine(p.reason, 200)].join("") : "", p.review ? ` (${oneLine(p.review, 40)})` : "")));
    this.question.hidden = shown.question === "";
    if (shown.question) fill(this.question, h("span", {}, h("b", {}, shown.status === "rejected" ? "Rejected: " : "Question: "), bdi(oneLine(shown.question, 600))), shown.status === "sent back" ? h("button", { class: "fs-button", type: "button", onclick: () => this.on.act("answer") }, "Answer ", kbd("r")) : null);
    this.buttons.get("answer")!.hidden = shown.status !== "sent back";
    this.render();
    this.scroll.scrollTop = again ? at : 0;
    this.scroll.dataset.case = shown.id;
  }

  toggleCompare(): void {
    this.comparing = !this.comparing;
    this.compareButton.setAttribute("aria-pressed", String(this.comparing));
    this.render();
  }

  page(direction: 1 | -1): void {
    this.scroll.scrollBy({ top: direction * this.scroll.clientHeight * 0.85 });
  }

  // what is shown, from what decides to what explains -----------------------------------------------------------------

  private render(): void {
    const c = this.shown;
    if (!c) return;
    fill(
      this.scroll,
      gate(c.checks, c.differ ? this.settling() : null),
      this.text("input"),
      ...this.answers(),
      criteria(c),
      readers(c),
      this.text("context", true),
      this.text("system_prompt", true),
      past(c.history),
      h("dl", { class: "fs-fields" }, h("dt", {}, "trace"), h("dd", {}, bdi(oneLine(c.id, 120))), ...c.fields.flatMap((f) => [h("dt", {}, f.name), h("dd", {}, bdi(oneLine(f.value, 160)))])),
    );
  }

  private settling(): HTMLElement {
    return h("button", { class: "fs-button", type: "button", "data-verb": "settle", "aria-disabled": String(this.bound !== ""), title: this.bound || "Say which failure modes hold (Shift D)", onclick: () => this.on.act("settle") }, "Settle… ", kbd("Shift D"));
  }

  /** A text of the case, to stand beside what is written; none where it is empty and may be left out. */
  text(name: string, ifAny = false): HTMLElement | null {
    const piece = this.shown?.parts.find((p) => p.name === name);
    return piece && (piece.total > 0 || !ifAny) ? this.part(name === "output" ? "Production said" : (LABELS[name] ?? name), name, piece, false) : null;
  }

  private part(label: string, name: string, piece: Piece, answer: boolean): HTMLElement {
    const { id } = this.shown!;
    return textPart({ label, name, kind: name, piece, answer }, { pattern: null, more: (start) => this.on.more(id, name, start), focus: () => this.scroll.focus() });
  }

  private answers(): (HTMLElement | null)[] {
    const c = this.shown!;
    const output = c.parts.find((p) => p.name === "output") ?? { text: "", total: 0 };
    if (!c.expected) {
      const none = h("section", { class: "fs-part", "aria-label": "Expected output", "data-part": "expected_output" }, h("h4", {}, "Expected output"), h("p", { class: "fs-nothing" }, "Nobody has written what should come. ", h("button", { class: "fs-link", type: "button", onclick: () => this.on.act("expected") }, "Write it"), " ", kbd("e")));
      return [this.part("Production said", "output", output, true), none];
    }
    const whole = (said: string | null) => {
      const should = this.part("Expected output", "expected_output", c.expected!, true);
      if (said) should.querySelector("h4")!.append(h("span", { class: "fs-quiet" }, said));
      return [this.part("Production said", "output", output, false), should];
    };
    if (!this.comparing) return whole(null);
    const { changes, cut, alike } = difference(c.expected.text, output.text);
    if (changes.every((change) => change.kind === "same") && !cut) return whole("the same, word for word");
    if (alike < ALIKE) return whole("it shares few words with what production said, so both are shown whole");
    const short = cut || c.expected.text.length < c.expected.total || output.text.length < output.total;
    return [
      h(
        "section",
        { class: "fs-part fs-part-answer fs-diff", "aria-label": "Expected output, compared", "data-part": "difference" },
        h("h4", {}, "Expected output", h("span", { class: "fs-quiet" }, "compared with what production said")),
        h("p", { class: "fs-quiet fs-diff-key" }, h("ins", {}, "should come"), " ", h("del", {}, "production said"), short ? ` · only the first ${count(MOST_TOKENS)} words of each are compared; f shows both whole` : ""),
        compared(changes),
      ),
    ];
  }
}

/** @param settle stands beside what the gate says of the readers' agreement */
function gate(checks: Check[], settle: HTMLElement | null): HTMLElement {
  const refusing = checks.filter((check) => !check.passed && !check.waived);
  const waived = checks.filter((check) => check.waived);
  const passed = checks.filter((check) => check.passed && !check.waived);
  const line = (check: Check, mark: string, word: string) =>
    h(
      "li",
      { class: `fs-desk-check-${word}`, "data-check": check.check },
      h("span", { class: "fs-desk-tick", role: "img", "aria-label": word }, mark),
      h("div", {}, h("b", {}, checkSaid(check.check)), " ", bdi(oneLine(check.says, 600)), check.waived ? h("div", { class: "fs-quiet" }, "waived by ", bdi(oneLine(check.waived.by, 40)), ": ", bdi(oneLine(check.waived.reason, 400))) : null),
      check.check === "agreement" && settle,
    );
  const title = refusing.length ? `The gate refuses it: ${plural(refusing.length, "check")}` : waived.length ? `The gate lets it in, ${plural(waived.length, "check")} waived` : "The gate lets it in";
  const fine = passed.map((check) => line(check, "✓", "passes"));
  return h(
    "section",
    { class: "fs-part fs-desk-gate", "aria-label": "Gate", "data-part": "gate", "data-tone": refusing.length ? "bad" : waived.length ? "hint" : "good" },
    h("h4", {}, title),
    refusing.length || waived.length ? h("ul", {}, ...refusing.map((check) => line(check, "✗", "refused")), ...waived.map((check) => line(check, "◇", "waived"))) : null,
    fine.length ? h("details", {}, h("summary", { class: "fs-quiet" }, `${plural(fine.length, "check")} ${fine.length === 1 ? "passes" : "pass"}`), h("ul", {}, ...fine)) : null,
  );
}

function criteria(c: DeskCase): HTMLElement {
  return h(
    "section",
    { class: "fs-part fs-desk-small", "aria-label": "Criteria", "data-part": "criteria" },
    h("h4", {}, "Criteria"),
    c.criteria.length ? h("ul", { class: "fs-desk-lines" }, ...c.criteria.map(({ words }) => h("li", { dir: "auto" }, bdi(oneLine(words, 400))))) : h("p", { class: "fs-quiet" }, "None. c says what an output must fulfil."),
  );
}

function readers(c: DeskCase): HTMLElement {
  return h(
    "section",
    { class: "fs-part fs-desk-small", "aria-label": "Readers", "data-part": "readers" },
    h("h4", {}, "Readers", h("span", { class: "fs-quiet" }, agreementSaid(c.said, c.agree, c.settled))),
    c.said.length
      ? h(
          "div",
          { class: "fs-said" },
          ...c.said.map((s) =>
            h(
              "section",
              { class: "fs-saying" },
              h("h4", {}, bdi(oneLine(s.reviewer, 40))),
              h("div", { class: "fs-chips" }, ...(s.failure_modes.length ? s.failure_modes.map((m) => h("span", { class: "fs-chip fs-chip-bad" }, bdi(oneLine(m, 60)))) : [h("span", { class: "fs-chip fs-chip-good" }, "fine")])),
              ...Object.entries(s.scores).map(([d, score]) => h("div", { class: "fs-quiet" }, bdi(oneLine(d.replaceAll("_", " "), 40)), `: ${score}`)),
              s.note ? h("p", { class: "fs-saying-note", dir: "auto" }, bdi(oneLine(s.note, 600))) : null,
            ),
          ),
        )
      : null,
  );
}

function past(history: Past[]): HTMLElement | null {
  if (history.length === 0) return null;
  return h(
    "section",
    { class: "fs-part fs-desk-small", "aria-label": "History", "data-part": "history" },
    h("h4", {}, "History"),
    h("ol", { class: "fs-desk-lines fs-desk-past" }, ...history.map((e) => h("li", {}, h("span", { class: "fs-quiet" }, when(e.at), " "), h("b", {}, bdi(oneLine(e.by, 40))), ` ${e.what}`, e.text ? h("span", {}, ": ", bdi(oneLine(e.text, 600))) : null))),
  );
}
