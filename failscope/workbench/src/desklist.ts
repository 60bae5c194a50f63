// The list of proposed cases: filtered by what became of them, by what refuses them, by words; one or many are chosen.

import { bdi, fill, h } from "./dom";
import type { DeskRow, Status } from "./deskwire";
import { between, checkSaid, filtered, gateSaid, glyphOf, refusing, statusCounts, STATUSES } from "./deskwords";
import { count, oneLine, plural } from "./text";

export class DeskList {
  readonly el: HTMLElement;
  readonly search = h("input", { type: "search", class: "fs-input", placeholder: "Search cases", "aria-label": "Search cases" });
  readonly chosen = new Set<string>();
  shown: DeskRow[] = [];
  private readonly check = h("select", { class: "fs-input fs-desk-check", "aria-label": "Only what a check refuses" });
  private readonly statuses = h("div", { class: "fs-desk-statuses", role: "group", "aria-label": "Status" });
  private readonly said = h("span", { "aria-live": "polite" });
  private readonly all = h("input", { type: "checkbox", "aria-label": "Choose all that are shown (a)", tabindex: -1 });
  private readonly list = h("ol", { class: "fs-options fs-desk-list", "aria-label": "Proposed cases" });
  private rows: DeskRow[] = [];
  private status: Status | "" = "";
  private current: string | null = null;
  private last: string | null = null;

  constructor(private readonly on: { open(id: string): void; changed(): void; chose(): void; narrowed(): void; left(): void }) {
    this.el = h(
      "section",
      { class: "fs-pane fs-desk-cases", "aria-label": "Cases", "data-pane": "cases" },
      h("div", { class: "fs-bar" }, this.search, this.check),
      this.statuses,
      h("label", { class: "fs-quiet fs-desk-count" }, this.all, this.said),
      this.list,
    );
    this.search.addEventListener("input", () => this.render());
    this.search.addEventListener("keydown", (e) => {
      if (e.key !== "Enter" || !this.shown[0]) return;
      e.preventDefault();
      this.on.left();
      this.on.open(this.shown[0].id);
    });
    this.check.addEventListener("change", () => this.narrow());
    this.all.addEventListener("change", () => this.chooseAll());
  }

  setRows(rows: DeskRow[]): void {
    const first = this.rows.length === 0;
    this.rows = rows;
    // who opens the desk comes for what waits
    if (first && rows.some((row) => row.status === "waiting")) this.status = "waiting";
    const there = new Set(rows.map((row) => row.id));
    for (const id of this.chosen) if (!there.has(id)) this.chosen.delete(id);
    this.render();
  }

  setCurrent(id: string): void {
    this.current = id;
    this.markAll();
    this.reveal();
  }

  /** The k-th status, counted from 1; whether there is one. */
  pickStatus(k: number): boolean {
    const picked = STATUSES[k - 1];
    if (!picked) return false;
    this.status = picked.status;
    if (!picked.status) this.search.value = this.check.value = "";
    this.narrow();
    return true;
  }

  /** Drop the words and the check that narrow the list; whether there were any. */
  widen(): boolean {
    if (!this.search.value && !this.check.value) return false;
    this.search.value = this.check.value = "";
    this.narrow();
    return true;
  }

  private narrow(): void {
    this.render();
    this.on.narrowed();
  }

  get statusLabel(): string {
    return this.status || "in all";
  }

  // choosing ----------------------------------------------------------------------------------------------------------

  toggle(id: string): void {
    if (!this.chosen.delete(id)) this.chosen.add(id);
    this.last = id;
    this.chose();
  }

  /** All from the one chosen last to this. */
  range(id: string): void {
    for (const each of between(this.shown.map((row) => row.id), this.last ?? id, id)) this.chosen.add(each);
    this.last = id;
    this.chose();
  }

  /** All that are shown, or none when they were all chosen. */
  chooseAll(): void {
    const every = this.shown.length > 0 && this.shown.every((row) => this.chosen.has(row.id));
    for (const { id } of this.shown) every ? this.chosen.delete(id) : this.chosen.add(id);
    this.chose();
  }

  drop(): void {
    if (this.chosen.size === 0) return;
    this.chosen.clear();
    this.chose();
  }

  /** What Python chose. */
  choose(ids: string[]): void {
    this.chosen.clear();
    for (const id of ids) this.chosen.add(id);
    this.chose(false);
  }

  private chose(tell = true): void {
    this.markAll();
    this.sayCount();
    this.on.changed();
    if (tell) this.on.chose();
  }

  // drawing -----------------------------------------------------------------------------------------------------------

  private markAll(): void {
    for (const el of this.list.querySelectorAll<HTMLElement>(".fs-desk-option")) this.mark(el);
  }

  private mark(el: HTMLElement): void {
    const id = el.dataset.case!;
    const here = id === this.current;
    if (here) el.setAttribute("aria-current", "true");
    else el.removeAttribute("aria-current");
    const box = el.querySelector("input")!;
    box.checked = this.chosen.has(id);
    el.classList.toggle("fs-desk-chosen", box.checked);
    // Tab comes to one case of five hundred; the keys go through the others
    el.querySelector("button")!.tabIndex = here ? 0 : -1;
  }

  private reveal(): void {
    const el = this.list.querySelector<HTMLElement>("[aria-current]");
    if (!el) return;
    // scrollIntoView would also scroll the notebook
    const [top, bottom] = [el.offsetTop, el.offsetTop + el.offsetHeight];
    if (top < this.list.scrollTop) this.list.scrollTop = top;
    else if (bottom > this.list.scrollTop + this.list.clientHeight) this.list.scrollTop = bottom - this.list.clientHeight;
  }

  private sayCount(): void {
    const chosen = this.chosen.size;
    const shown = this.shown.filter((row) => this.chosen.has(row.id)).length;
    this.all.checked = shown > 0 && shown === this.shown.length;
    this.all.indeterminate = shown > 0 && shown < this.shown.length;
    const hidden = chosen - shown;
    this.said.textContent = `${count(this.shown.length)} of ${plural(this.rows.length, "case")}${chosen ? ` · ${count(chosen)} chosen${hidden ? `, ${count(hidden)} of them not shown` : ""}` : ""}${this.search.value || this.check.value ? " · narrowed; Esc shows the rest" : ""}`;
  }

  private render(): void {
    const counts = statusCounts(this.rows);
    fill(
      this.statuses,
      ...STATUSES.map(({ status, label, glyph }, k) =>
        h(
          "button",
          { class: "fs-button fs-desk-status", type: "button", "aria-pressed": String(this.status === status), title: `${label} (${k + 1})`, onclick: () => this.pickStatus(k + 1) },
          glyph ? h("span", { class: "fs-desk-glyph", "aria-hidden": "true" }, glyph) : null, `${label} `, h("span", { class: "fs-num" }, count(counts.get(status) ?? 0)),
        ),
      ),
    );
    const held = this.check.value;
    const checks = refusing(this.rows);
    fill(this.check, h("option", { value: "" }, "any check"), ...checks.map(([check, n]) => h("option", { value: check }, `${checkSaid(check)} (${count(n)})`)));
    this.check.value = checks.some(([check]) => check === held) ? held : "";
    this.check.hidden = checks.length === 0;
    this.shown = filtered(this.rows, { status: this.status, check: this.check.value, search: this.search.value });
    const scroll = this.list.scrollTop;
    fill(this.list, ...this.shown.map((row) => this.option(row)));
    if (!this.shown.length) this.list.append(h("li", { class: "fs-quiet fs-empty" }, this.rows.length ? "No case here. 1 shows all." : "Nobody has proposed a case yet: p in a review, or ws.propose(...)."));
    this.list.scrollTop = scroll;
    this.sayCount();
    this.on.changed();
  }

  private option(row: DeskRow): HTMLElement {
    const gate = gateSaid(row);
    const words = oneLine(row.input, 180) || "(empty input)";
    const el = h(
      "li",
      { class: "fs-option fs-desk-option", "data-case": row.id, onclick: (e: MouseEvent) => this.click(e, row.id) },
      h("input", { type: "checkbox", tabindex: -1, "aria-label": `Choose: ${oneLine(words, 60)}` }),
      h(
        "div",
        { class: "fs-desk-words" },
        h("button", { class: "fs-desk-open", type: "button" }, bdi(words)),
        h(
          "div",
          { class: "fs-chips" },
          h("span", { class: `fs-desk-state fs-desk-is-${row.status.replace(" ", "-")}` }, h("span", { "aria-hidden": "true" }, `${glyphOf(row.status)} `), row.status),
          h("span", { class: `fs-chip fs-chip-${gate.tone}`, title: row.refused.length ? `refused by ${row.refused.map(checkSaid).join(", ")}` : row.waived.length ? `waived: ${row.waived.map(checkSaid).join(", ")}` : "the gate lets it in" }, `${gate.mark} ${gate.says}`),
          row.edited && h("span", { class: "fs-chip" }, "edited"),
          row.differ && h("span", { class: "fs-chip fs-chip-hint", title: "Its readers differ" }, "≠ readers differ"),
          ...row.modes.slice(0, 4).map((mode) => h("span", { class: "fs-chip fs-chip-tag" }, bdi(oneLine(mode, 40)))),
          row.modes.length > 4 && h("span", { class: "fs-quiet" }, `+${row.modes.length - 4}`),
        ),
      ),
    );
    this.mark(el);
    return el;
  }

  private click(e: MouseEvent, id: string): void {
    const box = (e.target as Element).matches("input");
    if (e.shiftKey) {
      this.range(id);
      getSelection()?.removeAllRanges(); // the browser marks the text between two clicks
    } else if (box) {
      this.toggle(id);
    } else {
      this.on.open(id);
    }
  }
}
