// The map's pane: which colour, name and dimming each point has, the legend, the card under the pointer, what is selected.

import { swatch } from "./clusters";
import { colorOf, css, palette } from "./colors";
import { bdi, fill, h, kbd } from "./dom";
import { DIM, READ, Scatter } from "./map";
import { bytes, type Hello, type Legend } from "./protocol";
import type { Review } from "./review";
import type { Selection } from "./selection";
import { painted, type Shell } from "./shell";
import { count, oneLine, plural } from "./text";

const HOVER_MS = 70;
const NAMED = 10;

interface Events {
  pick(row: number): void;
  lasso(rows: Uint32Array): void;
  clear(): void;
  tagGroup(): void;
  moreLike(): void;
  /** The clusters have other colours now. */
  swatches(swatches: Map<number, string>): void;
}

export class MapPane {
  readonly el: HTMLElement;
  readonly scatter: Scatter;
  swatches = new Map<number, string>();
  private readonly colorBy = h("select", { class: "fs-input", "aria-label": "Colour by" });
  private readonly legend = h("div", { class: "fs-legend", "aria-label": "Legend" });
  private readonly card = h("div", { class: "fs-card", hidden: true, "aria-hidden": "true" });
  private readonly lassoButton = h("button", { class: "fs-button", type: "button", "aria-pressed": "false", title: "Draw around points (l, or Shift and drag)" }, "Lasso ", kbd("l"));
  private readonly selected = h("div", { class: "fs-selection", hidden: true, role: "status" });
  private legendNow: Legend | null = null;
  private codes = new Uint8Array(0);
  private readonly middles = new Map<number, [number, number]>();
  private hoverTimer = 0;
  private hoverRow: number | null = null;

  constructor(
    private readonly review: Review,
    private readonly selection: Selection,
    private readonly shell: Shell,
    private readonly on: Events,
  ) {
    this.scatter = new Scatter({
      hover: (row, x, y) => this.hover(row, x, y),
      pick: (row) => this.on.pick(row),
      lasso: (rows) => this.on.lasso(rows),
      lassoMode: (on) => this.lassoButton.setAttribute("aria-pressed", String(on)),
    });
    const button = (label: string, title: string, onclick: () => void) => h("button", { class: "fs-button fs-icon", type: "button", "aria-label": title, title, onclick }, label);
    this.el = h(
      "section",
      { class: "fs-pane fs-map-pane", "aria-label": "Map", "data-pane": "map" },
      h(
        "div",
        { class: "fs-bar" },
        h("label", { class: "fs-color-by fs-quiet" }, "Colour", this.colorBy),
        h("span", { class: "fs-gap" }),
        this.lassoButton,
        button("+", "Zoom in (+)", () => this.zoomIn()),
        button("−", "Zoom out (−)", () => this.zoomOut()),
        button("⤢", "Whole map (r)", () => this.scatter.fit()),
      ),
      this.scatter.el,
      this.selected,
      this.legend,
    );
    this.scatter.el.append(this.card);
    this.lassoButton.addEventListener("click", () => this.toggleLasso());
    this.colorBy.addEventListener("change", () => {
      void this.recolor(this.colorBy.value);
      this.shell.focus();
    });
  }

  begin(hello: Hello, places: Float32Array): void {
    const groups = new Map<string, HTMLOptGroupElement>();
    for (const { by, label, group } of hello.colors) {
      if (!groups.has(group)) groups.set(group, h("optgroup", { label: group }));
      groups.get(group)!.append(h("option", { value: by }, oneLine(label, 40)));
    }
    fill(this.colorBy, ...groups.values());
    this.scatter.setPoints(places);
    if (hello.n > 1 && places.every((v, k) => v === places[k % 2])) this.scatter.say("This clustering was made without a map (projector=None).");
  }

  close(): void {
    this.scatter.close();
    clearTimeout(this.hoverTimer);
  }

  zoomIn(): void {
    this.scatter.zoomBy(1.6);
  }

  zoomOut(): void {
    this.scatter.zoomBy(1 / 1.6);
  }

  toggleLasso(): void {
    this.scatter.setLasso(!this.scatter.lassoing);
  }

  // colours -------------------------------------------------------------------------------------------------------

  /** What the points are coloured by, null before the first answer. */
  get by(): string | null {
    return this.legendNow?.by ?? null;
  }

  async recolor(by: string): Promise<void> {
    try {
      const legend = await this.review.channel.ask<Legend>("color", { by });
      this.codes = bytes(legend.buffers[0]);
      this.legendNow = legend;
      this.colorBy.value = by;
      this.shell.root.dataset.by = by;
      this.paint();
      painted("recolored");
    } catch (error) {
      this.shell.fail(error);
    }
  }

  /** Draw again in the colours that the theme asks for. */
  paint(): void {
    const legend = this.legendNow;
    if (!legend) return;
    const { dark } = this.shell;
    this.scatter.setColors(this.codes, palette(legend, dark), dark);
    this.swatches = new Map();
    if (legend.by === "cluster") {
      legend.categories?.forEach((c, k) => {
        if (c.cluster !== undefined) this.swatches.set(c.cluster, css(colorOf(legend, k, dark)));
      });
    }
    this.drawLegend(legend, dark);
    this.drawNames();
    this.on.swatches(this.swatches);
  }

  private drawLegend(legend: Legend, dark: boolean): void {
    const color = (k: number) => css(colorOf(legend, k, dark));
    const parts: Node[] = [];
    if (legend.kind === "amount" || legend.kind === "ordered") {
      const categories = legend.categories ?? [];
      const stops = Array.from({ length: 9 }, (_, k) => (legend.kind === "amount" ? color(Math.round((k / 8) * 254)) : css(colorOf({ ...legend, kind: "amount" }, Math.round((k / 8) * 254), dark))));
      const bar = h("span", { class: "fs-ramp", "aria-hidden": "true" });
      bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
      const [low, high] = legend.kind === "amount" ? [amount(legend.low, legend.clipped ? "≤ " : ""), amount(legend.high, legend.clipped ? "≥ " : "")] : [categories[0]?.name ?? "", categories.at(-1)?.name ?? ""];
      parts.push(h("span", { class: "fs-key" }, oneLine(legend.label, 40)), h("span", { class: "fs-key" }, low, bar, high));
    } else {
      const categories = legend.categories ?? [];
      // the cluster list already shows every cluster's colour beside its name
      const shown = legend.by === "cluster" ? categories.filter((c) => c.muted) : categories;
      if (legend.by === "cluster") parts.push(h("span", { class: "fs-key" }, "Colours: the most suspicious clusters, as in the list"));
      shown.forEach((c) => {
        if (c.count > 0 || legend.by !== "tag") parts.push(h("span", { class: "fs-key" }, swatch(color(categories.indexOf(c))), bdi(oneLine(c.name, 32)), h("span", { class: "fs-quiet" }, count(c.count))));
      });
    }
    if (legend.missing > 0) {
      const said = legend.by === "tag" ? "not read" : legend.by === "cluster" ? "in no cluster" : "no value";
      parts.push(h("span", { class: "fs-key" }, swatch(css(colorOf(legend, 255, dark))), said, h("span", { class: "fs-quiet" }, count(legend.missing))));
    }
    if (!this.review.looking) parts.push(h("span", { class: "fs-key" }, h("span", { class: "fs-swatch fs-swatch-read", "aria-hidden": "true" }), "read"));
    fill(this.legend, ...parts);
  }

  // names and selection --------------------------------------------------------------------------------------------

  drawNames(): void {
    const { lassoed, cluster, walk } = this.selection;
    // what is selected is named below the map; a name on top of it would only hide its points
    const clusters = cluster !== null || lassoed || walk ? [] : (this.review.hello?.clusters ?? []).filter((c) => c.cluster >= 0).slice(0, NAMED).map((c) => c.cluster);
    this.scatter.setLabels(
      clusters.map((cluster) => {
        const [x, y] = this.middle(cluster);
        return { x, y, text: oneLine(this.review.cards.get(cluster)?.name ?? "", 26) };
      }),
    );
  }

  /** Just above the middle of a cluster, by quantiles: an outlier does not drag the name away. */
  private middle(cluster: number): [number, number] {
    const known = this.middles.get(cluster);
    if (known) return known;
    const xs: number[] = [];
    const ys: number[] = [];
    this.review.labels.forEach((label, row) => {
      if (label !== cluster) return;
      const [x, y] = this.scatter.place(row);
      xs.push(x);
      ys.push(y);
    });
    const quantile = (v: number[], q: number) => v.sort((a, b) => a - b)[Math.floor(q * (v.length - 1))] ?? 0;
    const at: [number, number] = [quantile(xs, 0.5), quantile(ys, 0.9)];
    this.middles.set(cluster, at);
    return at;
  }

  /** Points outside the selection go dim, those that are read hollow. */
  drawState(): void {
    const { labels, read } = this.review;
    const { lassoed, cluster, walk } = this.selection;
    const n = labels.length;
    const state = new Uint8Array(n);
    if (walk) {
      state.fill(DIM);
      for (const row of walk.rows) state[row] = 0;
    } else if (lassoed) {
      state.fill(DIM);
      for (const row of lassoed) state[row] = 0;
    } else if (cluster !== null) {
      for (let row = 0; row < n; row++) state[row] = labels[row] === cluster ? 0 : DIM;
    }
    for (let row = 0; row < n; row++) if (read[row]) state[row]! |= READ;
    this.scatter.setState(state);
  }

  /** The line below the map: how many rows are selected, and what to do with them; null when none are. */
  drawSelected(n: number | null): void {
    this.selected.hidden = n === null;
    if (n === null) return;
    const { lassoed, cluster } = this.selection;
    const said = lassoed
      ? [h("b", {}, plural(n, "trace")), document.createTextNode(" in the lasso")]
      : [h("b", {}, plural(n, "trace")), document.createTextNode(" of "), bdi(oneLine(this.review.cards.get(cluster!)?.name ?? "", 40))];
    const tag = this.review.looking ? null : h("button", { class: "fs-button", type: "button", title: "Give all of them a failure mode (c, or Shift and a number)", onclick: () => this.on.tagGroup() }, "Tag ", kbd("c"));
    const more = this.review.looking || !lassoed ? null : h("button", { class: "fs-button", type: "button", title: "Unread traces most like them (m)", onclick: () => this.on.moreLike() }, "More like these ", kbd("m"));
    fill(this.selected, h("span", {}, ...said), h("span", { class: "fs-gap" }), more, tag, h("button", { class: "fs-button", type: "button", title: "Clear the selection (Esc)", onclick: () => this.on.clear() }, "Clear"));
  }

  // hover -----------------------------------------------------------------------------------------------------------

  private hover(row: number | null, x: number, y: number): void {
    if (row === this.hoverRow) return;
    this.hoverRow = row;
    clearTimeout(this.hoverTimer);
    this.card.hidden = true;
    this.scatter.el.classList.toggle("fs-over", row !== null);
    if (row === null) return;
    this.hoverTimer = setTimeout(() => void this.showCard(row, x, y), HOVER_MS) as unknown as number;
  }

  private async showCard(row: number, x: number, y: number): Promise<void> {
    try {
      const { input, output } = await this.review.channel.ask<{ input: string; output: string }>("card", { row });
      if (this.hoverRow !== row) return;
      const cluster = this.review.labels[row] ?? -1;
      fill(
        this.card,
        h("div", { class: "fs-card-cluster" }, swatch(this.swatches.get(cluster)), bdi(this.review.clusterName(cluster))),
        h("div", { class: "fs-card-input" }, bdi(oneLine(input, 150) || "empty input")),
        h("div", { class: "fs-card-output" }, bdi(oneLine(output, 190) || "empty output")),
        this.review.reasons.has(row) ? h("div", { class: "fs-quiet" }, this.review.read[row] ? "in the plan · read" : "in the plan") : null,
      );
      this.card.hidden = false;
      const [w, hgt] = [this.scatter.el.clientWidth, this.scatter.el.clientHeight];
      const [cw, ch] = [this.card.offsetWidth, this.card.offsetHeight];
      this.card.style.left = `${Math.max(4, Math.min(x + 14, w - cw - 4))}px`;
      this.card.style.top = `${y + 16 + ch > hgt ? Math.max(4, y - ch - 12) : y + 16}px`;
    } catch (error) {
      this.shell.fail(error);
    }
  }
}

function amount(value: number | null | undefined, sign: string): string {
  if (value === null || value === undefined) return "";
  const text = Math.abs(value) >= 1000 ? count(Math.round(value)) : Number(value.toPrecision(3)).toString();
  return sign + text;
}
