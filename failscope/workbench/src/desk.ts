// The curator's desk: puts the parts together, and does what keys and buttons say to the case that is looked at.

import { Balance } from "./deskbalance";
import { CasePane, type Verb } from "./deskcase";
import { Forms, partOf } from "./deskforms";
import { type DeskAction, deskActionOf, DESK_HELP } from "./deskkeys";
import { DeskList } from "./desklist";
import { DeskStore } from "./deskstore";
import type { Criterion, DeskCase, DeskRow, DeskState, Masking, Promotion } from "./deskwire";
import { beside, checkSaid, keptOutSaid, statusCounts, stillSaid } from "./deskwords";
import { Dialogs } from "./dialogs";
import { bdi, fill, h, kbd } from "./dom";
import type { Model, Push } from "./protocol";
import { Sheet } from "./sheet";
import { painted, Shell } from "./shell";
import { count, oneLine, plural } from "./text";

interface DeskHello {
  title: string;
  reviewer: string;
  open: string | null;
  chosen: string[];
}

const LONGEST = 1000;
const PROMOTE = "Promote what was accepted (Shift P)";

export class Desk {
  private readonly shell: Shell;
  private readonly store: DeskStore;
  private readonly list: DeskList;
  private readonly pane: CasePane;
  private readonly dialogs: Dialogs;
  private readonly sheet: Sheet;
  private readonly forms: Forms;
  private readonly balance = new Balance();
  private readonly who = h("span", { class: "fs-desk-who" });
  private readonly counts = h("span", { class: "fs-desk-counts fs-quiet" });
  private readonly promoteButton = h("button", { class: "fs-button fs-desk-promote", type: "button", title: PROMOTE, onclick: () => void this.promote() }, "Promote… ", kbd("Shift P"));
  private reviewer = "";
  private current: string | null = null;

  constructor(model: Model, host: HTMLElement) {
    const shell = (this.shell = new Shell(
      model,
      { key: (e) => this.key(e), help: () => this.dialogs.toggleHelp(false), theme: () => undefined },
      { label: "failscope curator's desk", tabs: [["cases", "Cases"], ["case", "Case"]], first: "case", bar: [this.who, this.counts, this.promoteButton], under: [this.balance.el] },
    ));
    shell.root.classList.add("fs-desk");
    const back = () => shell.focus();
    this.dialogs = new Dialogs(back, DESK_HELP, "What you say is saved at once, under your name and with its reason. The trace as it was logged is never changed.");
    this.sheet = new Sheet(back);
    this.forms = new Forms(this.sheet, (text) => shell.note(text));
    this.sheet.guard = () => this.forms.mayClose();
    this.store = new DeskStore(model, shell, { pushed: (push) => this.pushed(push), state: (state, foreign) => this.changed(state, foreign) });
    this.list = new DeskList({ open: (id) => void this.open(id, true), changed: () => this.placed(), chose: () => this.chose(), narrowed: () => this.narrowed(), left: () => shell.focus() });
    this.pane = new CasePane({
      next: () => this.step(1),
      previous: () => this.step(-1),
      act: (verb) => void this.act(verb),
      more: (id, part, start) => this.store.more(id, part, start),
    });
    this.pane.el.append(this.sheet.el);
    shell.main.append(this.list.el, this.pane.el);
    shell.root.append(this.dialogs.prompt, this.dialogs.help);
    shell.mount(host);
    void this.start();
  }

  close(): void {
    this.store.close();
    this.shell.close();
  }

  private async start(): Promise<void> {
    const { pane, shell, store } = this;
    pane.empty("Waiting for Python…");
    try {
      const hello = await store.channel.ask<DeskHello>("hello");
      this.reviewer = hello.reviewer;
      shell.setTitle(hello.title);
      await store.refresh();
      if (hello.chosen.length) this.list.choose(hello.chosen);
      const first = hello.open ?? this.list.shown[0]?.id ?? store.state.rows[0]?.id;
      if (first) await this.open(first);
      else pane.empty("Nobody has proposed a case yet: p in a review, or ws.propose(...) in a cell.");
      store.startPolling();
      shell.root.dataset.ready = "true";
    } catch (error) {
      shell.fail(error);
    }
  }

  // what Python says ------------------------------------------------------------------------------------------------

  private pushed(push: Push): void {
    if (push.push === "open_case") void this.open(push.case, true);
    else if (push.push === "choose") this.list.choose(push.cases);
  }

  private async changed(state: DeskState, foreign: DeskRow[]): Promise<void> {
    const { list, pane, shell } = this;
    const version = state.version === null ? "no version yet" : `v${state.version} · ${plural(state.examples, "example")}`;
    shell.setTitle(`${state.golden} · ${version}`);
    fill(this.who, bdi(oneLine(this.reviewer, 40)), h("span", { class: "fs-quiet" }, ` ${state.role || "no role"}`));
    const n = statusCounts(state.rows);
    const said = (["waiting", "accepted", "sent back"] as const).map((status) => `${count(n.get(status) ?? 0)} ${status}`);
    this.counts.textContent = said.join(" · ");
    pane.setBound(state.bound);
    this.promoteButton.setAttribute("aria-disabled", String(state.bound !== "" || !n.get("accepted")));
    this.promoteButton.title = state.bound || (n.get("accepted") ? PROMOTE : "Nothing is accepted yet");
    this.balance.set(state);
    list.setRows(state.rows);
    shell.root.dataset.revision = String(state.revision);
    if (this.current === null) return;
    const here = foreign.find((row) => row.id === this.current);
    if (!this.store.row(this.current)) pane.setNews("It is in the set now, as it stands here.");
    else await this.again(here !== undefined);
  }

  /** The case that is looked at, as it is now. */
  private async again(foreign: boolean): Promise<void> {
    const id = this.current;
    if (id === null) return;
    try {
      const found = await this.store.fetch(id);
      if (this.current !== id || this.pane.current === found) return;
      this.pane.show(found);
      this.shell.root.dataset.status = found.status;
      const last = found.history.at(-1);
      if (foreign) this.pane.setNews(last && last.by !== this.reviewer ? `Just now: ${oneLine(last.by, 40)} ${oneLine(last.what, 120)}${last.text ? `: ${oneLine(last.text, 200)}` : ""}` : "Just now somebody said something of this case, or took it back.");
      this.placed();
    } catch (error) {
      this.shell.fail(error);
    }
  }

  // going through -----------------------------------------------------------------------------------------------------

  private step(by: 1 | -1): void {
    const next = beside(this.store.state.rows, this.list.shown, this.current, by);
    if (next) void this.open(next);
    else this.shell.note(this.list.shown.length ? (by < 0 ? "This is the first" : "That was the last; g goes to the first that waits") : "No case is shown; 1 shows all");
  }

  private firstWaiting(): void {
    const found = this.list.shown.find((row) => row.status === "waiting") ?? this.store.state.rows.find((row) => row.status === "waiting");
    if (found) void this.open(found.id);
    else {
      const out = keptOutSaid(this.store.state.rows);
      this.shell.note(out ? `No case waits; ${out}` : "No case waits");
    }
  }

  private async open(id: string, show = false): Promise<void> {
    if (this.sheet.open && !this.sheet.guard()) return;
    this.sheet.close();
    this.current = id;
    this.list.setCurrent(id);
    if (show) this.shell.showPane("case");
    try {
      const found = await this.store.fetch(id);
      if (this.current !== id) return;
      this.pane.show(found);
      this.placed();
      this.shell.root.dataset.case = id;
      this.shell.root.dataset.status = found.status;
      painted("case");
      const next = beside(this.store.state.rows, this.list.shown, id, 1);
      if (next) this.store.fetch(next).catch(() => undefined); // opening it asks again and tells
    } catch (error) {
      this.shell.fail(error);
    }
  }

  /** The list was narrowed or widened by hand: what is looked at is one of it. */
  private narrowed(): void {
    const { list, sheet } = this;
    const first = list.shown[0];
    if (first && !sheet.open && !list.shown.some((row) => row.id === this.current)) void this.open(first.id);
  }

  private chose(): void {
    this.store.channel.ask("chosen", { cases: [...this.list.chosen] }).catch((error) => this.shell.fail(error));
  }

  private placed(): void {
    const { list, pane } = this;
    const at = list.shown.findIndex((row) => row.id === this.current);
    pane.setPosition(at >= 0 ? `${count(at + 1)} of ${count(list.shown.length)} ${list.statusLabel}` : "not in the list shown");
    pane.setChosen(list.chosen.size);
    this.shell.root.dataset.chosen = String(list.chosen.size);
  }

  // what is said of cases -----------------------------------------------------------------------------------------------

  /** What a curator's word is about: the chosen, or else the one looked at. */
  private get targets(): string[] {
    if (this.list.chosen.size) return [...this.list.chosen];
    return this.current !== null && this.store.row(this.current) ? [this.current] : [];
  }

  private async act(verb: Verb): Promise<void> {
    const { dialogs, forms, list, shell, store } = this;
    if (["accept", "sendBack", "reject", "waive"].includes(verb)) {
      if (store.state.bound) return shell.fail(store.state.bound);
      return this.decide(verb as "accept" | "sendBack" | "reject" | "waive", this.targets);
    }
    if (verb === "undo") {
      await store.write<{ said: string }>("undo", {}, [], (a) => oneLine(a.said, 160));
      return;
    }
    const c = this.pane.current;
    if (!c || c.id !== this.current) return shell.note("No case is open");
    if (list.chosen.size) shell.note("This is about the open case alone, not about the chosen ones");
    shell.showPane("case");
    if (verb === "answer") {
      if (c.status !== "sent back") return shell.note("This case was not sent back; there is no question to answer");
      dialogs.ask(`Answer to: ${oneLine(c.question, 300)}`, "Answer", "", [], (answer) => void store.write("answer", { case: c.id, answer }, [c.id], () => "Saved: answered, it waits again"), LONGEST);
    } else if (verb === "criteria") {
      forms.criteria(c.criteria.map(({ raw }) => raw), (criteria, reason) => this.edit(c, { criteria }, reason));
    } else if (verb === "settle") {
      if (store.state.bound) return shell.fail(store.state.bound);
      if (!c.differ) return shell.note(c.settled ? "It is settled already; u takes back your last word" : "Its readers do not differ; there is nothing to settle");
      forms.settle(c, async (failure_modes, reason) => (await store.write("settle", { case: c.id, failure_modes, reason }, [c.id], () => "Saved: settled")) !== null);
    } else if (verb === "mask") {
      await this.mask(c);
    } else {
      await this.write(c, verb === "expected" ? "expected_output" : "input");
    }
  }

  private async decide(verb: "accept" | "sendBack" | "reject" | "waive", cases: string[]): Promise<void> {
    const { dialogs, shell } = this;
    if (!cases.length) return shell.note("No case is open and none is chosen");
    if (verb === "accept") return this.accept(cases);
    const what = cases.length === 1 ? "this case" : `these ${count(cases.length)} cases`;
    const done = (word: string) => `Saved: ${cases.length === 1 ? word : `${plural(cases.length, "case")} ${word}`}`;
    const go = async (ask: string, args: object, word: string) => {
      if (await this.store.write(ask, { cases, ...args }, cases, () => done(word))) this.list.drop();
    };
    if (verb === "sendBack") return dialogs.ask(`Send back ${what}: what is the question?`, "Send back", "", [], (question) => void go("send_back", { question }, "sent back"), LONGEST);
    if (verb === "reject") return dialogs.ask(`Reject ${what}: why?`, "Reject", "", [], (reason) => void go("reject", { reason }, "rejected"), LONGEST);
    await this.store.settled; // what the last word changed is not offered again
    this.waive(cases, what, go);
  }

  private async accept(cases: string[]): Promise<void> {
    const { dialogs, shell, store } = this;
    await store.settled; // what is accepted already is not accepted twice
    const refused = (id: string) => store.row(id)?.refused ?? [];
    const left = cases.filter((id) => store.row(id)?.status !== "accepted");
    const [one] = left;
    if (one === undefined) return shell.note(cases.length === 1 ? `It is accepted already${stillSaid(refused(cases[0]!))}` : "They are all accepted already");
    const keptOut = (ids: string[]) => ids.filter((id) => refused(id).length).length;
    const go = async (said: () => string) => {
      if (await store.write("accept", { cases: left }, left, said)) this.list.drop();
    };
    if (cases.length === 1) return go(() => `Saved: accepted${stillSaid(refused(one))}`);
    const already = cases.length - left.length;
    const n = keptOut(left);
    const ask = `Accept ${left.length === 1 ? "this case" : `these ${count(left.length)} cases`}?${already ? ` ${plural(already, "other")} ${already === 1 ? "is" : "are"} accepted already.` : ""}${n ? ` The gate refuses ${count(n)} of them.` : ""}`;
    dialogs.confirm(ask, "Accept", () => {
      void go(() => {
        const still = keptOut(left);
        return `Saved: ${plural(left.length, "case")} accepted${still ? `; the gate still refuses ${count(still)} of them` : ""}`;
      });
    });
  }

  private waive(cases: string[], what: string, go: (ask: string, args: object, word: string) => Promise<void>): void {
    const refused = new Map<string, number>();
    for (const check of cases.flatMap((id) => this.store.row(id)?.refused ?? [])) refused.set(check, (refused.get(check) ?? 0) + 1);
    if (!refused.size) return this.shell.note(`No check refuses ${what}`);
    for (const check of this.store.state.firm) refused.delete(check);
    if (!refused.size) return this.shell.note("Nobody can waive what refuses it; d rejects");
    const says = new Map(this.pane.current?.checks.map((check) => [check.check, check.says]));
    const items = [...refused].map(([check, n]) => ({
      label: checkSaid(check),
      more: [cases.length > 1 ? `refuses ${plural(n, "of them", "of them")}` : bdi(oneLine(says.get(check) ?? "", 300))],
      act: () => {
        const held = cases.filter((id) => this.store.row(id)?.refused.includes(check));
        this.sheet.close();
        this.dialogs.ask(`Waive “${checkSaid(check)}” for ${held.length === 1 ? "this case" : plural(held.length, "case")}: why may it pass?`, "Waive", "", [], (reason) => void go("waive", { cases: held, check, reason }, `“${checkSaid(check)}” waived`), LONGEST);
      },
    }));
    this.shell.showPane("case");
    this.sheet.show("waive", "Waive which check?", [h("p", { class: "fs-quiet fs-sheet-part" }, "Its number, then the reason. The reason stays in the case's provenance.")], items);
  }

  private async edit(c: DeskCase, fields: { input?: string; expected_output?: string; criteria?: Criterion[] }, reason: string): Promise<boolean> {
    return (await this.store.write("edit", { case: c.id, ...fields, reason }, [c.id], () => "Saved: edited")) !== null;
  }

  private async write(c: DeskCase, field: "input" | "expected_output"): Promise<void> {
    const { forms, shell, store } = this;
    try {
      const output = partOf(c, "output");
      if (field === "input") {
        const now = await store.whole(c.id, "input", partOf(c, "input"));
        return forms.text("Input", now, { against: now, from: null, note: "the input as it is", beside: [], submit: (input, reason) => this.edit(c, { input }, reason) });
      }
      const now = c.expected ? await store.whole(c.id, "expected_output", c.expected) : "";
      const from = output.text.length === output.total ? output.text : null;
      forms.text("Expected output", now, { against: output.text, from, note: "what production said", beside: [this.pane.text("input"), this.pane.text("output")], submit: (expected_output, reason) => this.edit(c, { expected_output }, reason) });
    } catch (error) {
      shell.fail(error);
    }
  }

  private async mask(c: DeskCase): Promise<void> {
    const { forms, shell, store } = this;
    shell.setStatus("Looking for personal data…", "busy");
    try {
      const found = await store.channel.ask<Masking>("masking", { case: c.id });
      shell.setStatus("", "");
      if (!found.found.length) return shell.note("No personal data was found in this case");
      forms.mask(found, async (_, reason) => (await store.write("mask", { case: c.id, reason }, [c.id], () => "Saved: masked")) !== null);
    } catch (error) {
      shell.setStatus("", "");
      shell.fail(error);
    }
  }

  private async promote(): Promise<void> {
    const { forms, shell, store } = this;
    if (store.state.bound) return shell.fail(store.state.bound);
    await store.settled;
    if (!store.state.rows.some((row) => row.status === "accepted")) return shell.note("Nothing is accepted yet; y accepts a case");
    shell.setStatus("Asking the gate…", "busy");
    try {
      const found = await store.channel.ask<Promotion>("promotion");
      shell.setStatus("", "");
      shell.showPane("case");
      const words = (id: string) => store.row(id)?.input || id;
      forms.promote(store.state.golden, found, words, (id) => void this.open(id, true), async (_, reason) => (await store.write<{ version: number; examples: number }>("promote", { reason }, [], (a) => `Saved: ${store.state.golden} v${a.version}, ${plural(a.examples, "example")}`)) !== null);
    } catch (error) {
      shell.setStatus("", "");
      shell.fail(error);
    }
  }

  // keys ------------------------------------------------------------------------------------------------------------------

  private key(e: KeyboardEvent): void {
    const target = e.target as HTMLElement;
    const typing = target.matches("input:not([type=checkbox]), textarea, select");
    // Shift+Enter in a field would run the cell, a letter would edit the notebook: no key of ours leaves
    e.stopPropagation();
    if (!this.dialogs.help.hidden && e.key === "Tab") return e.preventDefault(); // the dialog has one button
    const action = deskActionOf(e, typing);
    if (action === null) return;
    if (["ArrowDown", "ArrowUp", "PageDown", "PageUp"].includes(e.key) && target === this.pane.scroll) return;
    if ((e.key === " " || e.key === "Enter") && target.matches("button, summary, input")) return;
    if ((e.key === "ArrowLeft" || e.key === "ArrowRight") && target.matches("[role=tab]")) return;
    e.preventDefault();
    this.do(action, target);
  }

  private do(action: DeskAction, target: HTMLElement): void {
    const { dialogs, list, pane, sheet, shell } = this;
    if (action === "escape") return this.escape(target);
    if (action === "noSave") return shell.note("Everything is saved as you go");
    if (!dialogs.help.hidden && action !== "help") return;
    if (!dialogs.prompt.hidden) return; // it waits for an answer
    if (sheet.open) {
      // what lies under a sheet is not decided
      if (typeof action === "object") sheet.pick(action.pick) || this.forms.pick(action.pick);
      else if (action === "show") sheet.el.querySelector("form")?.requestSubmit();
      else if (action === "next" || action === "previous") sheet.move(action === "next" ? 1 : -1);
      else if (action === "help") dialogs.toggleHelp(false);
      return;
    }
    if (typeof action === "object") {
      if (list.pickStatus(action.pick)) shell.showPane("cases");
      return;
    }
    const { current } = this;
    const actions: Record<Exclude<typeof action, "escape" | "noSave">, () => void> = {
      next: () => this.step(1),
      previous: () => this.step(-1),
      show: () => shell.showPane("case"),
      firstWaiting: () => this.firstWaiting(),
      pageDown: () => pane.page(1),
      pageUp: () => pane.page(-1),
      compare: () => pane.toggleCompare(),
      expected: () => void this.act("expected"),
      input: () => void this.act("input"),
      criteria: () => void this.act("criteria"),
      mask: () => void this.act("mask"),
      answer: () => void this.act("answer"),
      accept: () => void this.act("accept"),
      sendBack: () => void this.act("sendBack"),
      reject: () => void this.act("reject"),
      waive: () => void this.act("waive"),
      settle: () => void this.act("settle"),
      undo: () => void this.act("undo"),
      promote: () => void this.promote(),
      mark: () => current !== null && list.toggle(current),
      markRange: () => current !== null && list.range(current),
      markAll: () => list.chooseAll(),
      search: () => {
        shell.showPane("cases");
        list.search.focus({ preventScroll: true });
      },
      help: () => dialogs.toggleHelp(false),
    };
    actions[action]();
  }

  private escape(target: HTMLElement): void {
    const { dialogs, list, sheet, shell } = this;
    if (!dialogs.help.hidden) return dialogs.toggleHelp(false);
    if (!dialogs.prompt.hidden) return dialogs.closePrompt();
    if (sheet.open) {
      if (sheet.guard()) sheet.close();
      return;
    }
    if (target.matches("input:not([type=checkbox]), textarea, select")) {
      if (target === list.search) list.widen();
      return shell.focus();
    }
    if (shell.calm()) return;
    if (list.chosen.size) list.drop();
    else list.widen();
  }
}
