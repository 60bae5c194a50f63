// The reading pane: one trace at a time, its texts first, then what the reader says of it.

import { bdi, fill, h, kbd, prose } from "./dom";
import { compared, LABELS, textPart } from "./pieces";
import type { Mark, Nearest, Piece, Suggestion, Trace } from "./protocol";
import type { Scorer } from "./scorer";
import { ALIKE, count, diffWords, MOST_TOKENS, oneLine, phrasePattern } from "./text";
import { decisionSaid } from "./words";

export interface ReadingEvents {
  next(): void;
  previous(): void;
  toggleMode(mode: string): void;
  fine(): void;
  newTag(): void;
  say(row: number, what: "note" | "expected_output", text: string): void;
  propose(): void;
  undo(): void;
  moreLike(): void;
  moreLikeTag(): void;
  back(): void;
  more(row: number, part: string, start: number): Promise<Piece>;
  nearest(row: number): Promise<Nearest>;
  open(row: number): void;
}

export interface Place {
  position: string;
  reason: string;
  cluster: string;
  phrases: string[];
  swatch: string | undefined;
}

export class ReadingPane {
  readonly el: HTMLElement;
  private readonly position = h("span", { class: "fs-position" });
  private readonly reason = h("div", { class: "fs-quiet fs-reason" });
  private readonly cluster = h("div", { class: "fs-read-cluster" });
  private readonly diffButton = h("button", { class: "fs-button", type: "button", "aria-pressed": "false", title: "Difference from the nearest passing answer (d)", onclick: () => this.toggleDiff() }, "Compare ", kbd("d"));
  private readonly walk = h("div", { class: "fs-walk", role: "status", hidden: true });
  private readonly renewed = h("div", { class: "fs-quiet fs-renewed", role: "status", hidden: true });
  private readonly why = h("div", { class: "fs-quiet fs-why", hidden: true });
  private readonly moreButton = h("button", { class: "fs-button", type: "button", title: "Unread traces most like this one (m)", onclick: () => this.events.moreLike() }, "More like this ", kbd("m"));
  suggested: Suggestion[] = [];
  readonly scroll = h("div", { class: "fs-scroll", tabindex: 0, role: "document", "aria-label": "Trace" });
  private readonly tags = h("div", { class: "fs-tags", role: "group", "aria-label": "Failure modes" });
  private readonly note = h("textarea", { class: "fs-field", rows: 1, "aria-label": "Note", placeholder: "What is wrong here, in your words" });
  private readonly expected = h("textarea", { class: "fs-field", rows: 2, "aria-label": "Expected output", placeholder: "What the answer should have been" });
  private readonly noteBox: HTMLElement;
  private readonly expectedBox: HTMLElement;
  private readonly proposed = h("span", { class: "fs-quiet" });
  private readonly decided = h("p", { class: "fs-quiet fs-decided", hidden: true });
  private readonly judgeRow = h("div", { class: "fs-judge-row" });
  private readonly judge: HTMLElement;
  private looking = false;
  private scorer: Scorer | null = null;
  private trace: Trace | null = null;
  private mark: Mark | null = null;
  private modes: string[] = [];
  private pattern: RegExp | null = null;
  private diffOn = false;
  private ticket = 0;

  constructor(private readonly events: ReadingEvents) {
    const button = (label: string, key: string, title: string, onclick: () => void) =>
      h("button", { class: "fs-button", type: "button", title: `${title} (${key})`, onclick }, `${label} `, kbd(key));
    this.noteBox = h("div", { class: "fs-field-box", hidden: true }, h("label", {}, "Note"), this.note);
    this.expectedBox = h(
      "div",
      { class: "fs-field-box", hidden: true },
      h("label", {}, "Expected output", h("button", { class: "fs-link", type: "button", onclick: () => this.startFromOutput() }, "Start from the output")),
      this.expected,
    );
    this.judge = h(
      "footer",
      { class: "fs-judge", "aria-label": "Judge" },
      this.tags,
      this.why,
      this.decided,
      this.noteBox,
      this.expectedBox,
      this.judgeRow,
    );
    this.judgeRow.append(
      button("Note", "n", "Write a note", () => this.focusNote()),
      button("Expected output", "e", "Write what the answer should have been", () => this.focusExpected()),
      button("Propose", "p", "Propose for a golden set", () => this.events.propose()),
      button("Undo", "u", "Take back your last word", () => this.events.undo()),
      this.proposed,
    );
    this.el = h(
      "section",
      { class: "fs-pane fs-reading", "aria-label": "Reading", "data-pane": "reading" },
      h(
        "header",
        { class: "fs-read-head" },
        this.walk,
        h(
          "div",
          { class: "fs-read-nav" },
          h("button", { class: "fs-button fs-icon", type: "button", "aria-label": "Previous trace (k)", title: "Previous trace (k)", onclick: () => events.previous() }, "‹"),
          h("button", { class: "fs-button fs-icon", type: "button", "aria-label": "Next trace (j)", title: "Next trace (j)", onclick: () => events.next() }, "›"),
          this.position,
          h("span", { class: "fs-gap" }),
          this.moreButton,
          this.diffButton,
        ),
        this.cluster,
        this.reason,
        this.renewed,
      ),
      this.scroll,
      this.judge,
    );
    for (const [field, what] of [[this.note, "note"], [this.expected, "expected_output"]] as const) {
      // saved when the field is left: every pause of a typist would be one more event to undo
      field.addEventListener("change", () => {
        const row = Number(field.dataset.row);
        if (Number.isInteger(row)) this.events.say(row, what, field.value);
      });
    }
  }

  /** Scores stand between what is written and the row of buttons. */
  addScorer(scorer: Scorer): void {
    this.scorer = scorer;
    this.judge.insertBefore(scorer.el, this.judgeRow);
    this.judgeRow.prepend(scorer.button);
  }

  /** While people settle a difference, the place to judge is theirs. */
  setSettling(settling: boolean): void {
    this.judge.hidden = settling || this.looking;
  }

  setLooking(looking: boolean): void {
    this.looking = looking;
    this.judge.hidden = looking;
    this.moreButton.hidden = looking;
  }

  /** Say that other traces than the plan's are gone through; null when the plan is back. */
  setWalk(says: string | null): void {
    this.walk.hidden = says === null;
    if (says === null) return;
    fill(this.walk, h("span", {}, bdi(oneLine(says, 120))), h("span", { class: "fs-gap" }), h("button", { class: "fs-button", type: "button", title: "Back to where you were (Esc)", onclick: () => this.events.back() }, "Back ", kbd("Esc")));
  }

  /** A discreet line that stays for this trace and the next. */
  setRenewed(text: string): void {
    this.renewed.textContent = text;
    this.renewed.hidden = false;
    this.renewed.dataset.shows = "2";
  }

  /** Suggestions for the trace that is shown; they stand beside the tags and are none. */
  setSuggested(suggested: Suggestion[]): void {
    const before = JSON.stringify(this.suggested);
    this.suggested = suggested;
    if (JSON.stringify(suggested) !== before) this.renderTags();
  }

  setModes(modes: string[]): void {
    this.modes = modes;
    this.renderTags();
  }

  empty(text: string): void {
    this.trace = null;
    fill(this.scroll, h("p", { class: "fs-quiet fs-empty" }, text));
  }

  show(trace: Trace, place: Place): void {
    this.leaveFields();
    if (this.trace !== trace) {
      this.scorer?.close();
      this.suggested = [];
      const shows = Number(this.renewed.dataset.shows ?? 0) - 1;
      this.renewed.dataset.shows = String(shows);
      this.renewed.hidden = shows <= 0;
    }
    this.trace = trace;
    this.diffOn = false;
    this.diffButton.setAttribute("aria-pressed", "false");
    this.pattern = phrasePattern(place.phrases);
    this.setPlace(place);
    this.render();
    this.scroll.scrollTop = 0;
    this.scroll.dataset.trace = trace.trace_id;
    this.setMark(trace);
  }

  setPlace(place: Place): void {
    this.position.textContent = place.position;
    this.reason.textContent = place.reason;
    this.reason.title = place.reason;
    const dot = h("span", { class: place.swatch ? "fs-swatch" : "fs-swatch fs-swatch-none", "aria-hidden": "true" });
    if (place.swatch) dot.style.background = place.swatch;
    this.cluster.title = oneLine(place.cluster, 200);
    fill(this.cluster, dot, bdi(oneLine(place.cluster, 120)), h("span", { class: "fs-quiet fs-id", title: "trace id" }, bdi(oneLine(this.trace?.trace_id ?? "", 60))));
  }

  /** What is said of the trace that is shown. */
  setMark({ mark, proposed, decision }: Trace): void {
    this.mark = mark;
    this.scorer?.setScores(mark?.scores ?? {});
    this.decided.hidden = !decision;
    if (decision) fill(this.decided, bdi(decisionSaid(decision)));
    const row = String(this.trace?.row ?? "");
    for (const [field, box, value] of [
      [this.note, this.noteBox, mark?.note ?? ""],
      [this.expected, this.expectedBox, mark?.expected_output ?? ""],
    ] as const) {
      // what is being typed is never overwritten by what arrives
      if (field.matches(":focus") && field.dataset.row === row) continue;
      field.dataset.row = row;
      field.value = value;
      box.hidden = value === "";
    }
    this.proposed.textContent = proposed.length ? `proposed for ${proposed.join(", ")}` : "";
    this.renderTags();
  }

  focusNote(): void {
    this.noteBox.hidden = false;
    this.note.focus();
  }

  focusExpected(): void {
    this.expectedBox.hidden = false;
    this.expected.focus();
  }

  page(direction: 1 | -1): void {
    this.scroll.scrollBy({ top: direction * this.scroll.clientHeight * 0.85 });
  }

  private leaveFields(): void {
    for (const field of [this.note, this.expected]) if (field.matches(":focus")) field.blur();
  }

  private startFromOutput(): void {
    const output = this.trace?.parts.find((p) => p.name === "output") ?? this.trace?.turns.findLast((t) => t.role === "assistant");
    if (!output || output.text.length < output.total) return;
    this.expected.value = output.text;
    this.expected.focus();
    // a value set by a script makes no change event of its own
    this.expected.dispatchEvent(new Event("change"));
  }

  private renderTags(): void {
    const held = this.mark?.failure_modes ?? [];
    const fine = this.mark?.read === true && held.length === 0;
    // a trace that was judged needs no suggestion
    if (this.mark?.read) this.suggested = [];
    const open = new Map(this.suggested.filter((s) => !held.includes(s.failure_mode)).map((s) => [s.failure_mode, s]));
    const first = [...open.keys()][0];
    const chip = (key: string, label: string, on: boolean, onclick: () => void, cls = "") =>
      h("button", { class: `fs-tag ${cls}`, type: "button", "aria-pressed": on ? "true" : "false", onclick }, key ? kbd(key) : null, bdi(oneLine(label, 60)));
    const maybe = (mode: string, key: string) => {
      const s = open.get(mode)!;
      const sure = `${Math.round(s.confidence * 100)}%?`;
      const said = `Suggested, nothing is written yet: ${oneLine(mode, 60)}, ${sure}`;
      return h(
        "button",
        { class: "fs-tag fs-tag-suggested", type: "button", "aria-pressed": "false", "aria-label": said, title: oneLine(s.reason, 300), onclick: () => this.events.toggleMode(mode) },
        key ? kbd(key) : null, bdi(oneLine(mode, 60)), h("span", { class: "fs-sure" }, sure), mode === first ? kbd("y") : null,
      );
    };
    this.why.hidden = first === undefined;
    this.why.textContent = first === undefined ? "" : `Suggested: ${oneLine(open.get(first)!.reason, 240)}`;
    const extra = held.filter((m) => !this.modes.includes(m));
    const all = [...this.modes, ...extra];
    const focused = [...this.tags.children].indexOf(document.activeElement as Element);
    fill(
      this.tags,
      chip("0", "fine", fine, () => this.events.fine(), "fs-tag-fine"),
      ...all
        // past the ninth there is no key; those in use on this trace still show
        .filter((m, k) => k < 9 || held.includes(m) || open.has(m))
        .map((m) => {
          const key = this.modes.indexOf(m) < 9 && this.modes.includes(m) ? String(this.modes.indexOf(m) + 1) : "";
          return open.has(m) ? maybe(m, key) : chip(key, m, held.includes(m), () => this.events.toggleMode(m));
        }),
      h("button", { class: "fs-tag fs-tag-new", type: "button", onclick: () => this.events.newTag() }, kbd("t"), all.length > 9 ? `new or one of ${all.length}…` : "new tag…"),
      all.length ? h("button", { class: "fs-tag fs-tag-new", type: "button", title: "Unread traces most like those with a failure mode (Shift and m)", onclick: () => this.events.moreLikeTag() }, kbd("M"), "more like a tag…") : null,
    );
    if (focused >= 0) (this.tags.children[Math.min(focused, this.tags.childElementCount - 1)] as HTMLElement).focus();
  }

  private render(): void {
    const t = this.trace;
    if (!t) return;
    const part = (name: string) => t.parts.find((p) => p.name === name);
    const section = (name: string) => {
      const piece = part(name);
      return piece && (piece.total > 0 || name === "output") ? this.text(LABELS[name] ?? name, name, name, piece) : null;
    };
    const lastAnswer = t.turns.findLastIndex((turn) => turn.role === "assistant");
    const turns = t.turns.map((turn, k) => this.text(LABELS[turn.role] ?? turn.role, `turn:${k}`, turn.role, turn, k === lastAnswer));
    // the chat as logged ends with the answer only sometimes; the output is shown unless it is the last turn's text
    const output = part("output");
    const said = lastAnswer >= 0 && lastAnswer === t.turns.length - 1 && t.turns[lastAnswer]!.text === output?.text;
    fill(
      this.scroll,
      this.chips(t),
      section("system_prompt"),
      section("input"),
      ...turns,
      said ? null : section("output"),
      section("error"),
      section("context"),
      this.fieldList(t),
    );
  }

  private chips(t: Trace): HTMLElement | null {
    const signals = t.signals.map((s) =>
      h("span", { class: s.bad ? "fs-chip fs-chip-bad" : "fs-chip", title: s.bad === null ? "signal" : s.bad ? "a bad signal" : "not a bad signal" }, s.bad ? "▲ " : "", bdi(oneLine(`${s.name.replaceAll("_", " ")}: ${s.value}`, 60))),
    );
    const behaviours = t.behaviours.map((b) => h("span", { class: b.hint ? "fs-chip fs-chip-hint" : "fs-chip", title: b.name }, b.hint ? "◆ " : "", bdi(oneLine(b.says, 90))));
    if (!signals.length && !behaviours.length) return null;
    return h("div", { class: "fs-chips fs-read-chips", "aria-label": "Signals and behaviours" }, ...signals, ...behaviours);
  }

  private fieldList(t: Trace): HTMLElement {
    const items = t.fields.flatMap((f) => [h("dt", {}, f.name), h("dd", {}, bdi(oneLine(f.value, 120)))]);
    return h("dl", { class: "fs-fields" }, h("dt", {}, "trace"), h("dd", {}, bdi(oneLine(t.trace_id, 120))), ...items);
  }

  private text(label: string, name: string, kind: string, piece: Piece, answer = name === "output"): HTMLElement {
    const row = this.trace!.row;
    return textPart({ label, name, kind, piece, answer }, { pattern: this.pattern, more: (start) => this.events.more(row, name, start), focus: () => this.scroll.focus() });
  }

  toggleDiff(): void {
    this.diffOn = !this.diffOn;
    this.diffButton.setAttribute("aria-pressed", String(this.diffOn));
    if (this.diffOn) void this.renderDiff();
    else this.render();
  }

  private async renderDiff(): Promise<void> {
    const t = this.trace;
    if (!t) return;
    const ticket = ++this.ticket;
    const answer = this.scroll.querySelector(".fs-part-answer");
    const box = h("section", { class: "fs-part fs-part-answer fs-diff", "aria-label": "Difference", "data-part": "diff" }, h("p", { class: "fs-quiet" }, "Looking for the nearest passing answer…"));
    answer?.replaceWith(box);
    let found: Nearest;
    try {
      found = await this.events.nearest(t.row);
    } catch (error) {
      fill(box, h("p", { class: "fs-wrong" }, (error as Error).message));
      return;
    }
    if (ticket !== this.ticket || !this.diffOn || this.trace !== t) return;
    if (found.row === null) {
      fill(box, h("p", { class: "fs-quiet" }, found.said));
      return;
    }
    const here = t.parts.find((p) => p.name === "output")?.text ?? "";
    const { changes, cut, alike } = diffWords(here, found.text ?? "");
    const row = found.row;
    if (alike < ALIKE) {
      // two texts with little in common make word salad: they are read one after the other
      fill(
        box,
        h("h4", {}, "Output", h("span", { class: "fs-quiet" }, "it shares few words with the nearest passing answer, so both are shown whole")),
        h("div", { class: "fs-text" }, here === "" ? h("p", { class: "fs-nothing" }, "The output is empty.") : prose(here.slice(0, 4000), this.pattern)),
        this.otherInput(found, row),
        h("h4", { class: "fs-diff-other" }, "The passing answer"),
        h("div", { class: "fs-text" }, prose((found.text ?? "").slice(0, 4000), this.pattern)),
      );
      this.scroll.scrollTop = Math.max(0, box.offsetTop - 12);
      return;
    }
    fill(
      box,
      h("h4", {}, "Output, compared", h("span", { class: "fs-quiet" }, found.marked_fine ? "with one marked fine" : "with the nearest passing answer")),
      h("p", { class: "fs-quiet fs-diff-key" }, h("ins", {}, "only here"), " ", h("del", {}, "only in the passing answer"), cut ? ` · the first ${count(MOST_TOKENS)} words of each` : ""),
      compared(changes),
      this.otherInput(found, row),
    );
    this.scroll.scrollTop = Math.max(0, box.offsetTop - 12);
  }

  private otherInput(found: Nearest, row: number): HTMLElement {
    return h(
      "div",
      { class: "fs-diff-other" },
      h("h4", {}, "Input of the passing answer", h("button", { class: "fs-link", type: "button", onclick: () => this.events.open(row) }, "Open it")),
      h("div", { class: "fs-text fs-text-small" }, prose((found.input ?? "").slice(0, 700), this.pattern)),
      h("p", { class: "fs-quiet" }, found.said),
    );
  }
}
