// The frame around the panes: its bars and tabs, its height, dark or light, and keeping the notebook's hands off.

import { luminance } from "./colors";
import { bdi, fill, h, kbd } from "./dom";
import type { Model, Person } from "./protocol";
import { count, oneLine } from "./text";

const THEME_MS = 2000;

export type Pane = "map" | "clusters" | "reading" | "cases" | "case";

/** What the frame holds beside the panes. */
export interface Frame {
  label: string;
  /** In a narrow cell one pane is shown at a time, each behind its tab. */
  tabs: [Pane, string][];
  first: Pane;
  /** In the bar, after the title; left out, it is how far everybody is. */
  bar?: Node[];
  /** Under the bar. */
  under?: Node[];
}

const REVIEW: Frame = { label: "failscope workbench", tabs: [["map", "Map"], ["clusters", "Clusters"], ["reading", "Read"]], first: "reading" };

export class Shell {
  readonly root: HTMLElement;
  readonly main = h("div", { class: "fs-main" });
  dark = false;
  private readonly title = h("span", { class: "fs-title" });
  private readonly progress = h("span", { class: "fs-progress", role: "img" });
  private readonly strip = h("button", { class: "fs-button fs-strip", type: "button", title: "How far everybody is (o)", hidden: true });
  private readonly blind = h("div", { class: "fs-blind", role: "note", hidden: true });
  private readonly status = h("span", { class: "fs-status", role: "status", "aria-live": "polite" });
  private readonly alarm = h("div", { class: "fs-alarm", role: "alert", hidden: true });
  private readonly tabs = h("div", { class: "fs-tabs", role: "tablist", "aria-label": "Panes" });
  private readonly watchers: { disconnect(): void }[] = [];
  private themeTimer = 0;

  constructor(
    private readonly model: Model,
    private readonly on: { key(e: KeyboardEvent): void; help(): void; theme(): void },
    frame: Frame = REVIEW,
  ) {
    this.root = h(
      "div",
      { class: "fs-workbench failscope", tabindex: 0, role: "application", "aria-label": frame.label, "data-lm-suppress-shortcuts": "true", "data-show": frame.first },
      h(
        "div",
        { class: "fs-top" },
        this.title,
        ...(frame.bar ?? [this.progress, this.strip]),
        h("span", { class: "fs-gap" }),
        this.status,
        h("button", { class: "fs-button", type: "button", title: "All keys (?)", onclick: () => this.on.help() }, "Keys ", kbd("?")),
      ),
      this.alarm,
      this.blind,
      ...(frame.under ?? []),
      this.tabs,
      this.main,
    );
    for (const [pane, label] of frame.tabs) {
      this.tabs.append(h("button", { class: "fs-tab", type: "button", role: "tab", "data-tab": pane, onclick: () => this.showPane(pane) }, label));
    }
    this.showPane(frame.first);
    this.root.addEventListener("keydown", (e) => this.on.key(e));
    for (const kind of ["keyup", "keypress"]) this.root.addEventListener(kind, (e) => e.stopPropagation());
    // the Lab takes the focus back on a mouse press in an output; what happens in here is ours
    for (const kind of ["mousedown", "dblclick", "contextmenu"]) this.root.addEventListener(kind, (e) => e.stopPropagation());
    this.root.addEventListener("mousedown", (e) => {
      if (!(e.target as Element).closest("button, input, select, textarea, [tabindex='0']:not(.fs-workbench)")) setTimeout(() => this.focus());
    });
  }

  /** Into the page, once everything is inside. */
  mount(host: HTMLElement): void {
    host.append(this.root);
    this.setHeight();
    this.model.on("change:height", this.setHeight);
    this.theme();
    this.watchTheme();
  }

  close(): void {
    this.model.off("change:height", this.setHeight);
    clearInterval(this.themeTimer);
    this.watchers.forEach((w) => w.disconnect());
    this.root.remove();
  }

  focus(): void {
    this.root.focus({ preventScroll: true });
  }

  /** Whether a person can see it now: not in a hidden tab of the browser or of the Lab. */
  get visible(): boolean {
    return document.visibilityState === "visible" && this.root.offsetParent !== null;
  }

  /** In a narrow cell one pane is shown at a time. */
  showPane(pane: Pane): void {
    this.root.dataset.show = pane;
    for (const tab of this.tabs.children) tab.setAttribute("aria-selected", String((tab as HTMLElement).dataset.tab === pane));
  }

  // what is said to the reader ------------------------------------------------------------------------------------

  setTitle(title: string): void {
    this.title.textContent = this.title.title = oneLine(title, 80);
  }

  setStatus(text: string, tone: "" | "busy" | "saved" | "wrong"): void {
    this.status.textContent = this.status.title = text;
    this.status.dataset.tone = tone;
  }

  note(text: string): void {
    this.setStatus(text, "");
  }

  silence(silent: boolean): void {
    if (silent) this.setStatus("Waiting for Python: the kernel is busy, or gone. After a restart, run the cell again", "wrong");
    else this.setStatus("", "");
  }

  fail(error: unknown, before = ""): void {
    const message = error instanceof Error ? error.message : String(error);
    fill(this.alarm, h("span", {}, before, bdi(oneLine(message, 600))), h("button", { class: "fs-button", type: "button", onclick: () => this.calm() }, "Close"));
    this.alarm.hidden = false;
  }

  /** Take the alarm away; whether there was one. */
  calm(): boolean {
    const there = !this.alarm.hidden;
    this.alarm.hidden = true;
    return there;
  }

  /** The others in a line, and whether enough was read; a click tells more. */
  setStrip(said: string, enough: boolean, more: () => void): void {
    this.strip.hidden = false;
    this.strip.onclick = more;
    fill(this.strip, said ? bdi(said, "fs-others") : h("span", { class: "fs-others" }, "Review"), enough ? h("span", { class: "fs-enough" }, "✓ enough read") : null, kbd("o"));
  }

  setBlind(blind: boolean, reveal: () => void): void {
    if (this.blind.hidden === !blind) return;
    this.blind.hidden = !blind;
    fill(this.blind, h("span", {}, "This review is blind: what others say is hidden until somebody reveals it."), h("button", { class: "fs-button", type: "button", onclick: reveal }, "Reveal… ", kbd("Shift R")));
  }

  setProgress(p: Person | null): void {
    if (!p) {
      this.progress.hidden = true;
      return;
    }
    const bar = h("span", { class: "fs-progress-bar" }, h("span", { class: "fs-progress-done" }));
    (bar.firstElementChild as HTMLElement).style.width = `${p.of ? (p.read / p.of) * 100 : 100}%`;
    const said = `${count(p.read)} of ${count(p.of)} read, ${count(p.left)} left`;
    this.progress.setAttribute("aria-label", said);
    fill(this.progress, bar, h("span", {}, p.left ? `${count(p.read)} read, ${count(p.left)} left` : `all ${count(p.of)} read`));
  }

  // height and theme ------------------------------------------------------------------------------------------------

  private setHeight = (): void => {
    const height = Math.min(2400, Math.max(360, Number(this.model.get("height")) || 720));
    this.root.style.height = `${height}px`;
  };

  private watchTheme(): void {
    const changed = () => this.theme();
    const observer = new MutationObserver(changed);
    observer.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "data-jp-theme-name", "data-vscode-theme-kind"] });
    const media = window.matchMedia("(prefers-color-scheme: dark)");
    // a theme's name changes before its style sheet is there
    this.themeTimer = setInterval(changed, THEME_MS) as unknown as number;
    media.addEventListener("change", changed);
    // the view is made before it is in the page, where alone it has colours
    const shown = new ResizeObserver(changed);
    shown.observe(this.root);
    this.watchers.push(observer, shown, { disconnect: () => media.removeEventListener("change", changed) });
  }

  /** Dark or light is what the page behind really is; the name of a theme says nothing. */
  private theme(): void {
    const [r, g, b] = (getComputedStyle(this.root).backgroundColor.match(/[\d.]+/g) ?? []).map(Number);
    if (b === undefined) return;
    const dark = luminance([r!, g!, b]) < 0.25;
    if (dark === this.dark) return;
    this.dark = dark;
    this.root.classList.toggle("fs-dark", dark);
    this.on.theme();
  }
}

/** A mark for benchmarks, two frames later: by then what was drawn is on the screen. */
export function painted(what: string): void {
  requestAnimationFrame(() => requestAnimationFrame(() => performance.mark(`failscope:${what}`)));
}
