// What the curator fills in: a text or criteria with their reason, a look at what is masked, a last look before promoting.

import { bdi, fill, h, kbd } from "./dom";
import type { Criterion, DeskCase, Masking, Promotion } from "./deskwire";
import { difference } from "./deskwords";
import { compared, LABELS } from "./pieces";
import type { Sheet } from "./sheet";
import { ALIKE, count, oneLine, plural } from "./text";
import { agreed } from "./words";

const SOON_MS = 250;
const MOST_REFUSED = 50;
const TYPES: [string, string][] = [
  ["contains", "contains"],
  ["not_contains", "does not contain"],
  ["regex", "matches the pattern"],
  ["json_schema", "is JSON of the schema"],
  ["must_refuse", "must refuse"],
  ["rubric", "a judge must find"],
];

/** What was filled in is handed over with its reason; false keeps the form open, with what was typed. */
type Submit<T> = (value: T, reason: string) => Promise<boolean>;

export class Forms {
  private dirty = false;
  private warned = false;
  /** What keeps a form from being saved, where it is filled in. */
  private readonly missing = h("span", { class: "fs-missing", role: "alert", hidden: true });
  /** What a number does in the form that is open. */
  private toggle: (k: number) => void = () => undefined;

  constructor(
    private readonly sheet: Sheet,
    private readonly say: (text: string) => void,
  ) {}

  /** One text, as it is and as it shall be. */
  text(title: string, now: string, { against, from, note, beside, submit }: { against: string; from: string | null; note: string; beside: (Node | null)[]; submit: Submit<string> }): void {
    const field = h("textarea", { class: "fs-field fs-desk-field", rows: 7, "aria-label": title, dir: "auto" });
    field.value = now;
    const preview = h("div", { class: "fs-diff fs-desk-preview" });
    let timer = 0;
    const draw = () => {
      const { changes, alike, cut } = difference(field.value, against);
      if (field.value === "" || alike < ALIKE) return fill(preview, field.value ? h("p", { class: "fs-quiet" }, `It shares few words with ${note}.`) : null);
      fill(preview, h("p", { class: "fs-quiet fs-diff-key" }, h("ins", {}, "only here"), " ", h("del", {}, `only in ${note}`), cut ? " · the beginning only" : ""), compared(changes));
    };
    field.addEventListener("input", () => {
      this.changed();
      clearTimeout(timer);
      timer = setTimeout(draw, SOON_MS) as unknown as number;
    });
    const start =
      from === null
        ? null
        : h("button", { class: "fs-link", type: "button", onclick: () => ((field.value = from), field.focus(), field.dispatchEvent(new Event("input"))) }, "Start from what production said");
    this.open("text", title, [h("div", { class: "fs-field-box" }, h("label", {}, "Text", start), field), preview], "", (reason) => (field.value === now ? this.nothing() : submit(field.value, reason)), "Save", beside);
    draw();
    field.focus({ preventScroll: true });
    field.setSelectionRange(0, 0);
    field.scrollTop = 0;
  }

  criteria(held: Criterion[], submit: Submit<Criterion[]>): void {
    const list = h("ol", { class: "fs-desk-criteria" });
    const add = (criterion: Criterion) => list.append(this.criterion(criterion));
    held.forEach(add);
    if (!held.length) add({ type: "contains", value: "" });
    const more = h("button", { class: "fs-button", type: "button", onclick: () => (add({ type: "contains", value: "" }), this.changed(), list.lastElementChild!.querySelector("select")!.focus()) }, "Another criterion");
    this.open("criteria", "Criteria: what an output must fulfil", [list, more], "", async (reason) => {
      let said: Criterion[];
      try {
        said = [...list.children].map((li) => readCriterion(li as HTMLElement)).filter((c) => c !== null);
      } catch (error) {
        this.miss((error as Error).message);
        return false;
      }
      return submit(said, reason);
    });
    list.querySelector<HTMLElement>("select")?.focus({ preventScroll: true });
  }

  private criterion(held: Criterion): HTMLElement {
    const kind = h("select", { class: "fs-input", "aria-label": "Kind of criterion" }, ...TYPES.map(([type, label]) => h("option", { value: type }, label)));
    if (!TYPES.some(([type]) => type === held.type)) kind.append(h("option", { value: held.type }, oneLine(held.type, 40)));
    kind.value = held.type;
    const value = h("textarea", { class: "fs-field", rows: 1, "aria-label": "Value", dir: "auto", name: "value" });
    value.value = typeof held.value === "string" ? held.value : held.value === undefined ? "" : JSON.stringify(held.value, null, 2);
    const any = h("input", { type: "checkbox", name: "ignore_case" });
    any.checked = held.ignore_case === true;
    const anyCase = h("label", { class: "fs-quiet" }, any, " in upper or lower case");
    const dimension = h("input", { class: "fs-input", type: "text", name: "dimension", "aria-label": "Dimension of the rubric", placeholder: "dimension, if any", autocomplete: "off" });
    dimension.value = held.dimension ?? "";
    const threshold = h("input", { class: "fs-input", type: "text", inputmode: "decimal", name: "threshold", "aria-label": "Lowest score", placeholder: "lowest score", autocomplete: "off" });
    threshold.value = held.threshold === undefined ? "" : String(held.threshold);
    const judged = h("span", { class: "fs-desk-judged" }, dimension, threshold);
    const li = h("li", { "data-raw": JSON.stringify(held) }, kind, value, anyCase, judged, h("button", { class: "fs-button", type: "button", "aria-label": "Remove this criterion", title: "Remove", onclick: () => (this.changed(), li.remove()) }, "✕"));
    const fit = () => {
      value.hidden = kind.value === "must_refuse";
      anyCase.hidden = !kind.value.endsWith("contains");
      judged.hidden = kind.value !== "rubric";
      value.placeholder = { regex: "a regular expression", json_schema: '{"type": "object", …}', rubric: "what a judge must find, in words" }[kind.value] ?? "a text";
    };
    kind.addEventListener("change", fit);
    li.addEventListener("input", () => this.changed());
    fit();
    return li;
  }

  /** What masking would do; nothing is written before it is said. */
  mask(found: Masking, submit: Submit<null>): void {
    const kinds = h("div", { class: "fs-chips" }, ...found.found.map(({ kind, n }) => h("span", { class: "fs-chip fs-chip-hint" }, `${count(n)} × ${oneLine(kind.replaceAll("_", " "), 40)}`)));
    const parts = found.parts.map(({ name, before, after, cut: long }) => {
      const { changes, cut } = difference(after, before);
      return h("section", { class: "fs-part fs-diff", "data-part": name }, h("h4", {}, LABELS[name] ?? oneLine(name.replaceAll("_", " "), 40)), h("p", { class: "fs-quiet fs-diff-key" }, h("ins", {}, "after"), " ", h("del", {}, "before"), cut || long ? " · only the beginning is shown, all of it is masked" : ""), compared(changes));
    });
    this.open("mask", "Mask personal data", [kinds, ...parts], "personal data masked", (reason) => submit(null, reason), "Mask");
  }

  /** Which failure modes hold where readers differ: it starts with those that all of them gave. */
  settle(c: DeskCase, submit: Submit<string[]>): void {
    const modes = [...new Set(c.said.flatMap((s) => s.failure_modes))];
    const common = agreed(c.said);
    let final: string[] | null = common.length ? common : null;
    const fine = h("button", { class: "fs-tag fs-tag-fine", type: "button", onclick: () => choose(0) }, kbd("0"), "fine");
    const chips = modes.map((mode, k) => h("button", { class: "fs-tag", type: "button", onclick: () => choose(k + 1) }, k < 9 ? kbd(String(k + 1)) : null, bdi(oneLine(mode, 60)), h("span", { class: "fs-quiet" }, bdi(oneLine(c.said.filter((s) => s.failure_modes.includes(mode)).map((s) => s.reviewer).join(", "), 60)))));
    const draw = () => {
      fine.setAttribute("aria-pressed", String(final?.length === 0));
      chips.forEach((chip, k) => chip.setAttribute("aria-pressed", String(final?.includes(modes[k]!) ?? false)));
    };
    const choose = (k: number) => {
      const mode = modes[k - 1];
      if (k > 0 && mode === undefined) return;
      const held = final ?? [];
      final = mode === undefined ? [] : held.includes(mode) ? held.filter((m) => m !== mode) : [...held, mode];
      this.changed();
      draw();
    };
    draw();
    const body = [h("p", { class: "fs-settle-ask" }, "What shall hold?"), h("div", { class: "fs-choices", role: "group", "aria-label": "What shall hold" }, fine, ...chips)];
    this.open("settle", "Settle where its readers differ", body, "", (reason) => (final === null ? this.nothing("Choose what shall hold first: numbers, or 0 for fine") : submit(final, reason)), "Settle");
    this.toggle = choose;
    this.sheet.el.focus({ preventScroll: true });
  }

  /** A number was pressed beside the fields. */
  pick(k: number): void {
    this.toggle(k);
  }

  /** The last look: how many enter, and what stays out. */
  promote(golden: string, { accepted, enter, refused, version }: Promotion, words: (id: string) => string, open: (id: string) => void, submit: Submit<null>): void {
    if (enter === 0) {
      const items = refused.slice(0, MOST_REFUSED).map(({ id, says }) => ({ label: oneLine(words(id), 90), more: [bdi(oneLine(says.join(" "), 400))], act: () => open(id) }));
      return this.sheet.show("promote", "Nothing can be promoted yet", [h("p", { class: "fs-sheet-part" }, "Mend (", kbd("e"), " ", kbd("c"), " ", kbd("m"), ") or waive (", kbd("v"), ") these; a number opens one.", refused.length > items.length ? ` ${count(refused.length - items.length)} more are refused.` : "")], items);
    }
    const said = h("p", { class: "fs-sheet-part" }, `${plural(accepted, "case")} ${accepted === 1 ? "is" : "are"} accepted; ${count(enter)} would enter `, bdi(oneLine(golden, 60)), ` as version ${version}.`);
    const list = refused.length
      ? h("section", { class: "fs-sheet-part", "aria-label": "Refused" }, h("h4", {}, `${plural(refused.length, "case")} stay${refused.length === 1 ? "s" : ""} out`), h("ul", { class: "fs-desk-lines" }, ...refused.slice(0, MOST_REFUSED).map(({ id, says }) => h("li", {}, h("button", { class: "fs-link", type: "button", onclick: () => open(id) }, bdi(oneLine(words(id), 90))), h("div", { class: "fs-quiet" }, bdi(oneLine(says.join(" "), 400)))))), refused.length > MOST_REFUSED ? h("p", { class: "fs-quiet" }, `and ${count(refused.length - MOST_REFUSED)} more`) : null)
      : null;
    this.open("promote", "Promote", [said, list], "", (reason) => submit(null, reason), `Promote ${count(enter)}`);
  }

  // the form itself -----------------------------------------------------------------------------------------------------

  /** Whether the form may close now: what was typed is dropped only by a second Escape. */
  mayClose(): boolean {
    if (!this.dirty || this.warned) return true;
    this.warned = true;
    this.say("Nothing is saved yet: Esc once more drops what you typed");
    return false;
  }

  private changed(): void {
    this.dirty = true;
    this.warned = false;
    this.missing.hidden = true;
  }

  private async nothing(why = "Nothing was changed"): Promise<boolean> {
    this.miss(why);
    return false;
  }

  private miss(what: string): void {
    this.missing.textContent = what;
    this.missing.hidden = false;
  }

  private open(kind: string, title: string, body: (Node | null)[], why: string, submit: (reason: string) => Promise<boolean>, action = "Save", under: (Node | null)[] = []): void {
    this.dirty = this.warned = false;
    this.missing.hidden = true;
    this.toggle = () => undefined;
    const reason = h("input", { class: "fs-input", type: "text", "aria-label": "Why", placeholder: "Why, for whoever asks later", autocomplete: "off", maxlength: 1000 });
    reason.value = why;
    reason.addEventListener("input", () => this.changed());
    let busy = false;
    const go = async (e: Event) => {
      e.preventDefault();
      if (busy) return;
      if (!reason.value.trim()) {
        this.miss("It needs its reason");
        reason.focus();
        return;
      }
      busy = true;
      const done = await submit(reason.value.trim());
      busy = false;
      if (!done) return;
      this.dirty = false;
      // another sheet may have come meanwhile
      if (form.isConnected) this.sheet.close();
    };
    const form = h("form", { class: "fs-desk-form", onsubmit: go }, ...body, h("div", { class: "fs-settle-why" }, h("label", {}, "Why"), reason, h("button", { class: "fs-button fs-primary", type: "submit" }, `${action} `, kbd("Ctrl Enter")), this.missing));
    form.addEventListener("keydown", (e) => {
      if (e.key !== "Enter" || !(e.ctrlKey || e.metaKey)) return;
      e.preventDefault();
      e.stopPropagation();
      form.requestSubmit();
    });
    this.sheet.close();
    this.sheet.show(kind, title, [form, ...under]);
    reason.focus({ preventScroll: true });
  }
}

/** A criterion as it was filled in, null for an empty line. What has no field here is kept. */
function readCriterion(li: HTMLElement): Criterion | null {
  const field = (name: string) => li.querySelector<HTMLInputElement>(`[name="${name}"]`)!;
  const type = li.querySelector("select")!.value;
  const text = field("value").value;
  const before = JSON.parse(li.dataset.raw!) as Criterion;
  const out: Criterion = { ...(before.type === type ? before : {}), type };
  for (const name of ["value", "ignore_case", "dimension", "threshold"] as const) delete out[name];
  if (type === "must_refuse") return out;
  if (!text.trim()) return null;
  out.value = text;
  if (type === "json_schema" || (before.type === type && typeof before.value !== "string" && before.value !== undefined)) {
    try {
      out.value = JSON.parse(text);
    } catch (error) {
      throw new Error(`The schema is no JSON: ${(error as Error).message}`);
    }
  }
  if (type.endsWith("contains") && field("ignore_case").checked) out.ignore_case = true;
  if (type === "rubric") {
    if (field("dimension").value.trim()) out.dimension = field("dimension").value.trim();
    const lowest = field("threshold").value.trim();
    if (lowest && !Number.isFinite(Number(lowest))) throw new Error(`The lowest score is no number: ${lowest}`);
    if (lowest) out.threshold = Number(lowest);
  }
  return out;
}

/** The text of a part of a case, "" for none. */
export function partOf(c: DeskCase, name: string): { text: string; total: number } {
  return c.parts.find((p) => p.name === name) ?? { text: "", total: 0 };
}
