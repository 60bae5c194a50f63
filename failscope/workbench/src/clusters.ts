// The cluster list: every group with its figures, most suspicious first, searchable, one listbox to a screen reader.

import { bdi, fill, h, svg } from "./dom";
import { liftAt, percent } from "./figures";
import type { ClusterCard } from "./protocol";
import { count, oneLine } from "./text";

export class ClusterList {
  readonly el: HTMLElement;
  readonly search = h("input", { type: "search", class: "fs-input", placeholder: "Search clusters", "aria-label": "Search clusters" });
  private readonly list = h("div", { class: "fs-options", role: "listbox", tabindex: 0, "aria-label": "Clusters, most suspicious first" });
  private readonly said = h("p", { class: "fs-quiet fs-list-count", "aria-live": "polite" });
  private cards: ClusterCard[] = [];
  private tags: Record<string, string[]> = {};
  private swatches = new Map<number, string>();
  private chosen: number | null = null;
  private active = 0;
  private noise = 0;
  private liftOf = "bad signals";
  private readonly remark = h("p", { class: "fs-quiet fs-list-note", hidden: true });

  constructor(private readonly choose: (cluster: number | null) => void) {
    this.el = h(
      "section",
      { class: "fs-pane fs-clusters", "aria-label": "Clusters", "data-pane": "clusters" },
      h("div", { class: "fs-bar" }, this.search),
      this.said,
      this.remark,
      this.list,
    );
    this.search.addEventListener("input", () => this.render());
    this.search.addEventListener("keydown", (e) => {
      if (e.key !== "Enter" && e.key !== "ArrowDown") return;
      e.preventDefault();
      this.list.focus();
    });
    this.list.addEventListener("keydown", (e) => this.move(e));
  }

  setCards(cards: ClusterCard[], noise: number, liftOf: string, note: string): void {
    this.cards = cards;
    this.noise = noise;
    this.liftOf = liftOf;
    this.remark.textContent = this.remark.title = note;
    this.remark.hidden = note === "";
    this.render();
  }

  setTags(tags: Record<string, string[]>): void {
    if (JSON.stringify(tags) === JSON.stringify(this.tags)) return;
    this.tags = tags;
    this.render();
  }

  setSwatches(swatches: Map<number, string>): void {
    this.swatches = swatches;
    this.render();
  }

  setChosen(cluster: number | null): void {
    if (cluster === this.chosen) return;
    this.chosen = cluster;
    const at = this.shown().findIndex((c) => c.cluster === cluster);
    if (at >= 0) this.active = at;
    this.render();
    this.reveal();
  }

  private shown(): ClusterCard[] {
    const wanted = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    return this.cards.filter((c) => {
      const text = [c.name, c.sets_apart ?? "", ...c.phrases, ...(this.tags[c.cluster] ?? []), `#${c.cluster}`].join(" ").toLowerCase();
      return wanted.every((w) => text.includes(w));
    });
  }

  private move(e: KeyboardEvent): void {
    const shown = this.shown();
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity, PageDown: 5, PageUp: -5 }[e.key];
    if (step !== undefined) {
      this.active = Math.min(Math.max(this.active + step, 0), Math.max(shown.length - 1, 0));
      this.markActive();
      this.reveal();
    } else if (e.key === "Enter" || e.key === " ") {
      const card = shown[this.active];
      if (card) this.toggle(card.cluster);
    } else {
      return;
    }
    e.preventDefault();
    e.stopPropagation();
  }

  private toggle(cluster: number): void {
    this.choose(this.chosen === cluster ? null : cluster);
  }

  private reveal(): void {
    const el = this.list.children[this.active] as HTMLElement | undefined;
    if (!el) return;
    // scrollIntoView would also scroll the notebook
    const [top, bottom] = [el.offsetTop, el.offsetTop + el.offsetHeight];
    if (top < this.list.scrollTop) this.list.scrollTop = top;
    else if (bottom > this.list.scrollTop + this.list.clientHeight) this.list.scrollTop = bottom - this.list.clientHeight;
  }

  private markActive(): void {
    [...this.list.children].forEach((el, k) => el.classList.toggle("fs-active", k === this.active));
    const id = this.list.children[this.active]?.id;
    if (id) this.list.setAttribute("aria-activedescendant", id);
    else this.list.removeAttribute("aria-activedescendant");
  }

  private render(): void {
    const shown = this.shown();
    this.active = Math.min(this.active, Math.max(shown.length - 1, 0));
    const scroll = this.list.scrollTop;
    fill(this.list, ...shown.map((c) => this.option(c)));
    this.list.scrollTop = scroll;
    const all = this.cards.filter((c) => c.cluster >= 0).length;
    const noise = this.noise ? ` · ${count(this.noise)} traces in none` : "";
    const of = shown.length === this.cards.length ? `${count(all)} clusters, most suspicious first` : `${count(shown.length)} of ${count(all)} clusters`;
    this.said.textContent = of + noise;
    this.markActive();
  }

  private option(c: ClusterCard): HTMLElement {
    const on = c.cluster === this.chosen;
    const name = oneLine(c.name || `cluster ${c.cluster}`, 90);
    const el = h(
      "div",
      {
        class: "fs-option",
        role: "option",
        id: `${this.listId}-${c.cluster}`,
        "aria-selected": on ? "true" : "false",
        "data-cluster": c.cluster,
        onclick: () => this.toggle(c.cluster),
      },
      h(
        "div",
        { class: "fs-option-head" },
        swatch(this.swatches.get(c.cluster)),
        bdi(name, "fs-option-name"),
        c.new && h("span", { class: "fs-badge" }, "new"),
        h("span", { class: "fs-num", title: `${count(c.size)} traces, ${percent(c.share)} of all` }, count(c.size)),
      ),
      h("div", { class: "fs-option-figures" }, ...figures(c, this.liftOf)),
      h(
        "div",
        { class: "fs-option-figures fs-option-rest" },
        [`${percent(c.share)} of traces`, ...(c.stability === null ? [] : [`stability ${c.stability.toFixed(2)}`])].join(" · "),
      ),
      c.sets_apart ? h("div", { class: "fs-option-apart", title: oneLine(c.sets_apart, 400) }, oneLine(c.sets_apart, 220)) : null,
      tagRow(this.tags[c.cluster] ?? []),
    );
    return el;
  }

  private readonly listId = `fs-list-${Math.random().toString(36).slice(2, 8)}`;
}

function tagRow(tags: string[]): HTMLElement | null {
  return tags.length ? h("div", { class: "fs-chips" }, ...tags.map((t) => h("span", { class: "fs-chip fs-chip-tag" }, bdi(oneLine(t, 60))))) : null;
}

export function swatch(color: string | undefined): HTMLElement {
  const el = h("span", { class: color ? "fs-swatch" : "fs-swatch fs-swatch-none", "aria-hidden": "true" });
  if (color) el.style.background = color;
  return el;
}

function figures(c: ClusterCard, liftOf: string): Node[] {
  const out: Node[] = [];
  if (c.lift !== null && c.lift_low !== null && c.lift_high !== null) {
    const said = `${liftOf} ${c.lift.toFixed(1)} times as common as in the rest, 95% interval ${c.lift_low.toFixed(1)} to ${c.lift_high.toFixed(1)}`;
    out.push(
      h("span", { class: "fs-figure", title: said, "aria-label": said }, h("b", {}, `${c.lift.toFixed(1)}×`), liftBar(c.lift, c.lift_low, c.lift_high)),
    );
  }
  if (c.q_value !== null) out.push(figure(`q ${c.q_value < 0.001 ? "<0.001" : c.q_value.toFixed(c.q_value < 0.1 ? 3 : 2)}`, "chance of a lift like this if nothing were different, corrected for the number of clusters"));
  if (c.trend.length > 1) out.push(sparkline(c.trend));
  return out;
}

function figure(text: string, title: string): HTMLElement {
  return h("span", { class: "fs-figure", title }, text);
}

function liftBar(lift: number, low: number, high: number): SVGElement {
  const [w, mid] = [52, 7];
  const at = (x: number) => 2 + liftAt(x) * (w - 4);
  const tone = low > 1 ? "fs-lift fs-lift-bad" : "fs-lift";
  return svg(
    "svg",
    { class: tone, width: w, height: 14, viewBox: `0 0 ${w} 14`, "aria-hidden": "true" },
    svg("line", { x1: at(1), x2: at(1), y1: 1, y2: 13, class: "fs-lift-one" }),
    svg("line", { x1: at(low), x2: at(high), y1: mid, y2: mid, class: "fs-lift-range" }),
    svg("circle", { cx: at(lift), cy: mid, r: 3, class: "fs-lift-dot" }),
  );
}

function sparkline(trend: (number | null)[]): SVGElement {
  const [w, height] = [44, 14];
  const values = trend.map((v) => v ?? 0);
  const top = Math.max(...values) || 1;
  const points = values.map((v, k) => `${(2 + (k / (values.length - 1)) * (w - 4)).toFixed(1)},${(height - 2 - (v / top) * (height - 4)).toFixed(1)}`);
  const title = svg("title", {});
  title.textContent = `share per week: ${values.map(percent).join(", ")}`;
  return svg(
    "svg",
    { class: "fs-spark", width: w, height, viewBox: `0 0 ${w} ${height}`, role: "img" },
    title,
    svg("polyline", { points: points.join(" ") }),
  );
}
