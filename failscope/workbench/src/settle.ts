// Where people differ: who said what side by side, the failure modes that shall hold, and why.

import { bdi, fill, h, kbd } from "./dom";
import type { Case, Decision } from "./protocol";
import type { Review } from "./review";
import { oneLine } from "./text";
import { agreed, decisionSaid } from "./words";

interface Draft {
  final: string[] | null;
  reason: string;
}

interface Events {
  /** A decision was taken; null when no difference is left. */
  settled(next: number | null): void;
  newTag(): void;
}

export class Settle {
  readonly el = h("footer", { class: "fs-judge fs-settle", "aria-label": "Settle", hidden: true });
  private readonly said = h("div", { class: "fs-said" });
  private readonly final = h("div", { class: "fs-choices", role: "group", "aria-label": "What shall hold" });
  private readonly reason = h("input", { class: "fs-input", type: "text", "aria-label": "Why", placeholder: "Why, for whoever asks later", autocomplete: "off", maxlength: 500 });
  private readonly known = h("p", { class: "fs-quiet", hidden: true });
  private cases = new Map<number, Case>();
  private readonly drafts = new Map<number, Draft>();
  private row: number | null = null;

  constructor(
    private readonly review: Review,
    private readonly on: Events,
  ) {
    const form = h(
      "form",
      { class: "fs-settle-why", onsubmit: (e: Event) => (e.preventDefault(), void this.submit()) },
      h("label", {}, "Why ", kbd("n")),
      this.reason,
      h("button", { class: "fs-button fs-primary", type: "submit" }, "Settle"),
    );
    this.reason.addEventListener("input", () => {
      if (this.row !== null) this.draft(this.row).reason = this.reason.value;
    });
    this.el.append(this.said, h("p", { class: "fs-settle-ask" }, "What shall hold?"), this.final, form, this.known);
  }

  /** Whether keys are about a decision now. */
  get active(): boolean {
    return this.row !== null;
  }

  /** Ask where people differ; the rows that are not settled. */
  async load(): Promise<{ rows: number[]; reasons: string[] }> {
    const cases = await this.ask();
    this.cases = new Map(cases.map((c) => [c.row, c]));
    const open = cases.filter((c) => !c.decision);
    return { rows: open.map((c) => c.row), reasons: open.map((c) => `people differ in ${c.differ.join(", ")}`) };
  }

  private async ask(): Promise<Case[]> {
    return (await this.review.channel.ask<{ cases: Case[] }>("disagreements")).cases;
  }

  /** This trace is shown; whether it is one to settle. */
  at(row: number): boolean {
    this.row = this.cases.has(row) ? row : null;
    this.el.hidden = this.row === null;
    if (this.row !== null) {
      this.reason.value = this.draft(row).reason;
      this.render();
    }
    return this.row !== null;
  }

  stop(): void {
    this.row = null;
    this.el.hidden = true;
    this.cases.clear();
  }

  /** Others spoke meanwhile. */
  async refresh(): Promise<void> {
    if (!this.active) return;
    try {
      const cases = await this.ask();
      if (!this.active) return; // left meanwhile
      this.cases = new Map(cases.map((c) => [c.row, c]));
      this.render();
    } catch {
      // the next poll asks again; what is wrong is told when the reader settles
    }
  }

  toggle(mode: string): void {
    const draft = this.now();
    if (!draft) return;
    const held = draft.final ?? [];
    draft.final = held.includes(mode) ? held.filter((m) => m !== mode) : [...held, mode];
    this.render();
  }

  fine(): void {
    const draft = this.now();
    if (draft) draft.final = [];
    this.render();
  }

  focusReason(): void {
    this.reason.focus();
  }

  private draft(row: number): Draft {
    let draft = this.drafts.get(row);
    if (!draft) {
      const common = agreed(this.cases.get(row)?.said ?? []);
      draft = { final: common.length ? common : null, reason: "" };
      this.drafts.set(row, draft);
    }
    return draft;
  }

  private now(): Draft | null {
    return this.row === null ? null : this.draft(this.row);
  }

  private async submit(): Promise<void> {
    const { row, review } = this;
    const draft = this.now();
    if (row === null || !draft) return;
    if (draft.final === null) {
      review.note("Choose what shall hold first: numbers, or 0 for fine");
      this.reason.blur();
      return;
    }
    if (!draft.reason.trim()) {
      review.note("A decision needs its reason");
      this.focusReason();
      return;
    }
    const answer = await review.write<{ decision: Decision; left: number }>("settle", { row, failure_modes: draft.final, reason: draft.reason.trim() }, (a) => (a.left ? `Saved: settled, ${a.left} left` : "Saved: all is settled"));
    if (!answer) return;
    this.drafts.delete(row);
    const held = this.cases.get(row);
    if (held) held.decision = answer.decision;
    const trace = review.traces.get(row);
    if (trace) trace.decision = answer.decision;
    const order = [...this.cases.values()];
    const at = order.findIndex((c) => c.row === row);
    const next = [...order.slice(at + 1), ...order.slice(0, at)].find((c) => !c.decision);
    this.on.settled(next ? next.row : null);
  }

  private render(): void {
    const { row } = this;
    const held = row === null ? undefined : this.cases.get(row);
    if (row === null || !held) return;
    const names = new Map(this.review.rubric?.dimensions.map((d) => [d.key, d.name]));
    fill(
      this.said,
      ...held.said.map((s) =>
        h(
          "section",
          { class: "fs-saying" },
          h("h4", {}, bdi(oneLine(s.reviewer, 40)), s.reviewer === this.review.reviewer ? " (you)" : null),
          h("div", { class: "fs-chips" }, ...(s.failure_modes.length ? s.failure_modes.map((m) => h("span", { class: "fs-chip fs-chip-bad" }, bdi(oneLine(m, 60)))) : [h("span", { class: "fs-chip fs-chip-good" }, "fine")])),
          ...Object.entries(s.scores).map(([d, score]) => h("div", { class: "fs-quiet" }, bdi(oneLine(names.get(d) ?? d.replaceAll("_", " "), 40)), `: ${score}`)),
          s.note ? h("p", { class: "fs-saying-note", dir: "auto" }, bdi(oneLine(s.note, 600))) : null,
        ),
      ),
    );
    const draft = this.draft(row);
    const final = draft.final ?? [];
    const modes = [...new Set([...held.said.flatMap((s) => s.failure_modes), ...final])];
    const chip = (key: string, label: string, on: boolean, onclick: () => void, cls = "") =>
      h("button", { class: `fs-tag ${cls}`, type: "button", "aria-pressed": String(on), onclick }, key ? kbd(key) : null, bdi(oneLine(label, 60)));
    const focused = [...this.final.children].indexOf(document.activeElement as Element);
    fill(
      this.final,
      chip("0", "fine", draft.final !== null && final.length === 0, () => this.fine(), "fs-tag-fine"),
      ...modes.map((m) => {
        const at = this.review.state.modes.indexOf(m);
        return chip(at >= 0 && at < 9 ? String(at + 1) : "", m, final.includes(m), () => this.toggle(m));
      }),
      h("button", { class: "fs-tag fs-tag-new", type: "button", onclick: () => this.on.newTag() }, kbd("t"), "another…"),
    );
    if (focused >= 0) (this.final.children[focused] as HTMLElement | undefined)?.focus();
    this.known.hidden = held.decision === null;
    if (held.decision) fill(this.known, bdi(decisionSaid(held.decision)));
  }
}
