// What reviewers do together: the strip of everybody's progress, what next, differences, notes to group, the blind part.

import type { Dialogs } from "./dialogs";
import { bdi, fill, h } from "./dom";
import { percent } from "./figures";
import type { Action } from "./keys";
import { bytes, type NoteGroup, type State, type TeamSaid, type WalkSaid } from "./protocol";
import type { ReadingPane } from "./reading";
import type { Review } from "./review";
import { Scorer } from "./scorer";
import { Settle } from "./settle";
import { type Item, Sheet } from "./sheet";
import type { Shell } from "./shell";
import { count, oneLine, plural } from "./text";
import { duration, leftSaid, othersSaid } from "./words";

const SOON_MS = 400;
const NOTES_SHOWN = 4;

interface Parts {
  readonly shell: Shell;
  readonly dialogs: Dialogs;
  readonly review: Review;
  readonly pane: ReadingPane;
}

/** Moves of the reader, which the workbench makes. */
interface Moves {
  unread(): void;
  walk(said: WalkSaid, rows: Uint32Array, settling?: boolean): void;
  open(row: number): void;
  moreLikeTag(): void;
  newTag(): void;
  /** Whether the reader goes by the plan, has not judged what is shown and writes nothing. */
  beyond(): boolean;
  /** Leave the walk; whether there was one. */
  back(): boolean;
}

export class Together {
  readonly sheet: Sheet;
  readonly settle: Settle;
  readonly scorer: Scorer;
  private team: TeamSaid | null = null;
  private groups: { groups: NoteGroup[]; of: number } | null = null;
  private timer = 0;
  private done: boolean | null = null;

  constructor(
    private readonly parts: Parts,
    private readonly moves: Moves,
  ) {
    const { pane, review, shell } = parts;
    this.sheet = new Sheet(() => shell.focus());
    this.scorer = new Scorer((dimension, score) => void review.annotate({ scores: { [dimension]: score } }));
    this.settle = new Settle(review, { settled: (next) => this.settled(next), newTag: () => moves.newTag() });
    pane.addScorer(this.scorer);
    pane.el.append(this.settle.el, this.sheet.el);
  }

  close(): void {
    clearTimeout(this.timer);
  }

  // what is known ---------------------------------------------------------------------------------------------------

  /** The state of the review is another. */
  changed(state: State): void {
    const { pane, review, shell } = this.parts;
    const me = review.me;
    if (!me || !state.people) return;
    if (this.scorer.rubric !== review.rubric) this.scorer.setRubric(review.rubric);
    shell.setBlind(state.blind ?? false, () => this.reveal());
    this.strip();
    const done = me.left === 0;
    if (done && this.done === false) {
      // a reader who was quicker than the count stands at a trace that nobody asks for
      if (this.moves.beyond() && !this.sheet.open) this.whatNext();
      else pane.setRenewed("Nothing is left to read for you. What next: w");
    }
    this.done = done;
    void this.settle.refresh();
    if (this.sheet.open) this.redraw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.ask(), SOON_MS) as unknown as number;
  }

  /** Ask what waits beside reading. */
  async ask(): Promise<void> {
    const { review, shell } = this.parts;
    if (review.looking) return;
    try {
      this.team = await review.channel.ask<TeamSaid>("team");
      this.strip();
      if (this.sheet.kind === "notes") await this.askNotes();
      if (this.sheet.open) this.redraw();
    } catch (error) {
      shell.fail(error);
    }
  }

  private strip(): void {
    const { review, shell } = this.parts;
    const me = review.me;
    if (!me) return;
    const { team } = this;
    const said = [
      othersSaid(review.state.people ?? []),
      me.due ? plural(me.due, "second opinion") : "",
      team?.fresh.length ? plural(team.fresh.length, "new failure mode") : "",
    ].filter(Boolean);
    shell.setStrip(said.join(" · "), team?.enough ?? false, () => this.overview());
  }

  private redraw(): void {
    const { kind } = this.sheet;
    if (kind === "overview") this.drawOverview();
    else if (kind === "next") this.drawNext();
    else if (kind === "notes") this.drawNotes();
  }

  // sheets ------------------------------------------------------------------------------------------------------------

  overview(): void {
    if (this.sheet.kind === "overview") return this.sheet.close();
    this.parts.shell.showPane("reading");
    this.drawOverview();
    void this.ask();
  }

  whatNext(): void {
    if (this.sheet.kind === "next") return this.sheet.close();
    this.parts.shell.showPane("reading");
    this.drawNext();
    void this.ask();
  }

  private drawOverview(): void {
    const { review } = this.parts;
    const { team } = this;
    const people = review.state.people ?? [];
    const head = ["", "read", "left", "second opinions", "time a trace", ""];
    const rows = people.map((p) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, bdi(oneLine(p.reviewer, 40)), p.you ? " (you)" : null, p.away ? h("span", { class: "fs-quiet" }, " away") : null),
        h("td", {}, meter(p.read, p.of), `${count(p.read)} of ${count(p.of)}`),
        h("td", {}, count(p.left)),
        h("td", {}, count(p.due)),
        h("td", {}, duration(p.seconds)),
        h("td", {}, h("button", { class: "fs-link", type: "button", title: "What is theirs to read goes to the others for now, or back", onclick: () => void this.away(p.reviewer, !p.away) }, p.away ? "mark as back" : "mark as away")),
      ),
    );
    const body = h("div", { class: "fs-sheet-part fs-wide" }, h("table", { class: "fs-people" }, h("thead", {}, h("tr", {}, ...head.map((t) => h("th", { scope: "col" }, t)))), h("tbody", {}, ...rows)));
    this.sheet.show("overview", "How far everybody is", [
      body,
      part("New failure modes of this review", team?.fresh.length ? h("div", { class: "fs-chips" }, ...team.fresh.map((m) => h("span", { class: "fs-chip fs-chip-tag" }, bdi(oneLine(m, 60))))) : h("p", { class: "fs-quiet" }, "none yet")),
      part("Enough for this week?", h("p", {}, this.enoughSaid())),
      review.state.blind ? null : part("Where two people have read the same", h("p", {}, team ? `${plural(team.open, "difference")} to settle, ${count(team.settled)} settled` : "…")),
    ]);
  }

  private enoughSaid(): string {
    const { team } = this;
    if (this.parts.review.state.blind) return "Told when the review is revealed.";
    if (!team || team.new_high === null || !team.sampled) return "Nothing of the random sample was read yet.";
    const most = `At most ${percent(team.new_high)} of further random traces show a failure mode not met yet, by ${plural(team.sampled, "random read")}.`;
    return team.enough ? `Yes. ${most}` : `Not yet. ${most}`;
  }

  private drawNext(): void {
    const { review } = this.parts;
    const { team } = this;
    const me = review.me;
    if (!me) return;
    const waiting = (review.state.people ?? []).filter((p) => !p.you && p.left > 0 && !p.away);
    const unread = me.left - me.due;
    const items: Item[] = [];
    const add = (label: string, more: string, act: () => void) => items.push({ label, more: [h("p", { class: "fs-quiet" }, more)], act });
    if (me.due) add(`Give ${plural(me.due, "second opinion")}`, "Somebody else has read these; agreement is told from them.", () => this.go(() => this.moves.unread()));
    if (unread > 0) add(`Read on: ${count(unread)} left`, "First what is yours, then what nobody has read yet.", () => this.go(() => this.moves.unread()));
    if (review.state.blind) add("Reveal what everybody said", "Ends the blind part for all; then differences can be settled.", () => this.reveal());
    if (team?.open) add(`Settle ${plural(team.open, "difference")}`, "Two people read the same and said different things.", () => void this.disagreements());
    if (team?.notes) add(`Group ${plural(team.notes, "note")}`, "Notes of traces that have no failure mode yet.", () => void this.notes());
    if (team?.keep) add(`Propose cases for the golden set: ${count(team.keep)}`, "Goes through those with a failure mode that were not proposed; p proposes.", () => void this.keep());
    if (review.state.modes.length) add("Read more like a failure mode", "Unread traces most like those with it.", () => this.go(() => this.moves.moreLikeTag()));
    if (team) {
      const code = h("code", { class: "fs-code" }, team.report);
      items.push({ label: "The report: copy its call", more: [h("p", { class: "fs-quiet" }, "Run it in a cell: ", code)], act: () => void this.copy(team.report) });
    }
    const title = me.left === 0 ? "Nothing is left to read for you. What next?" : "What next";
    const lines = [
      me.left ? `You have read ${count(me.read)}; ${leftSaid(me)}.` : `You have read ${plural(me.read, "trace")}.`,
      waiting.length ? `${waiting.map((p) => `${oneLine(p.reviewer, 30)} has ${count(p.left)} left`).join(", ")}.` : "",
      team?.enough ? this.enoughSaid().replace("Yes.", "Enough was read for this week.") : "",
    ].filter(Boolean);
    this.sheet.show("next", title, [h("div", { class: "fs-sheet-part" }, ...lines.map((l) => h("p", {}, bdi(l))))], items);
  }

  private drawNotes(): void {
    const { groups } = this;
    if (!groups) {
      this.sheet.show("notes", "Group notes into failure modes", [h("p", { class: "fs-quiet fs-sheet-part" }, "Looking for notes that say the same…")]);
      return;
    }
    const said = groups.of === 0 ? "No note waits: every trace with a note has a failure mode." : "Notes of traces without a failure mode that probably say the same. Press a number to name a group; its traces then count as read, with that failure mode.";
    const more = groups.of > groups.groups.length ? h("p", { class: "fs-quiet fs-sheet-part" }, `and ${plural(groups.of - groups.groups.length, "smaller group")}`) : null;
    const items = groups.groups.map((g): Item => {
      const others = g.notes.slice(1, NOTES_SHOWN);
      const rest = g.notes.length - 1 - others.length;
      return {
        label: g.notes.length > 1 ? `Name these ${count(g.notes.length)}` : "Name this one",
        more: [
          h("p", { class: "fs-note-typical" }, bdi(oneLine(g.note, 200))),
          ...others.map((n) => h("p", { class: "fs-quiet" }, bdi(oneLine(n, 160)))),
          h("p", {}, rest > 0 ? h("span", { class: "fs-quiet" }, `and ${count(rest)} more · `) : null, h("button", { class: "fs-link", type: "button", onclick: () => this.go(() => this.moves.walk({ says: "with these notes", reasons: [...g.notes] }, new Uint32Array(g.rows))) }, g.notes.length > 1 ? "Read them" : "Read it")),
        ],
        act: () => this.name(g),
      };
    });
    this.sheet.show("notes", "Group notes into failure modes", [h("p", { class: "fs-sheet-part" }, said), more], items);
  }

  // what is done ------------------------------------------------------------------------------------------------------

  async disagreements(): Promise<void> {
    const { review, shell } = this.parts;
    if (review.state.blind) return shell.note("This review is blind: reveal it first (Shift and r)");
    try {
      this.moves.back();
      const { rows, reasons } = await this.settle.load();
      if (!rows.length) {
        shell.note(this.team?.settled ? "All differences are settled" : "People agree on all that two have read");
        return;
      }
      this.sheet.close();
      this.moves.walk({ says: "on which people differ", reasons }, new Uint32Array(rows), true);
    } catch (error) {
      shell.fail(error);
    }
  }

  private settled(next: number | null): void {
    this.parts.shell.focus();
    if (next !== null) return this.moves.open(next);
    this.moves.back();
    this.whatNext();
  }

  async notes(): Promise<void> {
    if (this.sheet.kind === "notes") return this.sheet.close();
    this.parts.shell.showPane("reading");
    this.groups = null;
    this.drawNotes();
    try {
      await this.askNotes();
      if (this.sheet.kind === "notes") this.drawNotes();
    } catch (error) {
      this.sheet.close();
      this.parts.shell.fail(error);
    }
  }

  private async askNotes(): Promise<void> {
    this.groups = await this.parts.review.channel.ask<{ groups: NoteGroup[]; of: number }>("notes");
  }

  private name(group: NoteGroup): void {
    const { dialogs, review } = this.parts;
    dialogs.ask(`Failure mode of ${group.rows.length === 1 ? "this trace" : `these ${count(group.rows.length)} traces`}`, "Name", "", review.choices, (failure_mode) => {
      void review.write<{ n: number }>("code", { failure_mode }, (a) => `Saved: ${plural(a.n, "trace")} “${failure_mode}”`, [new Uint32Array(group.rows)]).then((done) => {
        if (done) review.forget();
        if (this.sheet.open) this.sheet.el.focus({ preventScroll: true });
      });
    });
  }

  private async keep(): Promise<void> {
    const { review, shell } = this.parts;
    try {
      const answer = await review.channel.ask<WalkSaid>("keep");
      this.go(() => this.moves.walk(answer, new Uint32Array(bytes(answer.buffers[0]).buffer)));
    } catch (error) {
      shell.fail(error);
    }
  }

  reveal(): void {
    const { dialogs, review, shell } = this.parts;
    if (!review.state.blind) return shell.note("This review is not blind: everybody's words are shown");
    dialogs.confirm("Show everybody what all have said? This cannot be taken back.", "Reveal", () => {
      void review.write("reveal", {}, () => "Saved: revealed").then((done) => {
        if (done && this.sheet.open) this.sheet.el.focus({ preventScroll: true });
      });
    });
  }

  private async away(reviewer: string, away: boolean): Promise<void> {
    await this.parts.review.write("away", { reviewer, away }, () => `Saved: ${oneLine(reviewer, 40)} is ${away ? "away" : "back"}`);
  }

  private async copy(text: string): Promise<void> {
    const { shell } = this.parts;
    try {
      await navigator.clipboard.writeText(text);
      shell.note("Copied; paste it into a cell");
    } catch {
      shell.note(`This browser does not let it be copied; type ${text}`);
    }
  }

  private go(move: () => void): void {
    this.sheet.close();
    move();
  }

  // keys --------------------------------------------------------------------------------------------------------------

  /** A key while a sheet, the scores or a decision have the word; whether it is dealt with. */
  key(action: Action): boolean {
    if (this.sheet.open) return this.sheetKey(action);
    if (this.scorer.open && this.scoreKey(action)) return true;
    return this.settle.active && this.settleKey(action);
  }

  private sheetKey(action: Action): boolean {
    const { shell } = this.parts;
    if (typeof action === "object") {
      if (!("tag" in action) || !this.sheet.pick(action.tag)) shell.note("Esc closes this first");
      return true;
    }
    if (action === "next") this.sheet.move(1);
    else if (action === "previous") this.sheet.move(-1);
    else if (action === "escape") this.sheet.close();
    else if (action === "pageDown" || action === "pageUp") this.sheet.el.scrollBy({ top: (action === "pageDown" ? 0.8 : -0.8) * this.sheet.el.clientHeight });
    else if (action === "unread" || action === "moreLikeTag") {
      this.sheet.close();
      return false;
    } else if (PASS.has(action)) return false;
    else shell.note("Esc closes this first");
    return true;
  }

  private scoreKey(action: Action): boolean {
    const digit = action === "fine" ? 0 : typeof action === "object" && "tag" in action ? action.tag : null;
    if (action === "escape") this.scorer.back();
    else if (digit === null) return false;
    else if (!this.scorer.pick(digit)) this.parts.shell.note(`Nothing has the number ${digit} here; Esc goes back`);
    return true;
  }

  private settleKey(action: Action): boolean {
    const { review, shell } = this.parts;
    if (typeof action === "object") {
      const mode = "tag" in action ? review.state.modes[action.tag - 1] : undefined;
      if (mode === undefined) shell.note("No failure mode has this number; t takes another");
      else this.settle.toggle(mode);
    } else if (action === "fine") this.settle.fine();
    else if (action === "newTag") this.moves.newTag();
    else if (action === "note") this.settle.focusReason();
    else if (action === "expected" || action === "accept" || action === "score") shell.note("Esc leaves settling first");
    else return false;
    return true;
  }
}

/** Keys that do the same while a sheet is open. */
const PASS: ReadonlySet<Action> = new Set<Action>(["help", "overview", "whatNext", "disagreements", "groupNotes", "reveal", "zoomIn", "zoomOut", "fit", "lasso", "search", "noSave"]);

function part(title: string, ...body: Node[]): HTMLElement {
  return h("section", { class: "fs-sheet-part" }, h("h4", {}, title), ...body);
}

function meter(done: number, of: number): HTMLElement {
  const bar = h("span", { class: "fs-progress-done" });
  bar.style.width = `${of ? (done / of) * 100 : 100}%`;
  const out = h("span", { class: "fs-progress-bar", "aria-hidden": "true" });
  fill(out, bar);
  return out;
}

