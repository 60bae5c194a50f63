// The workbench: puts map, list and reading pane together, and turns keys into questions to Python.

import { colorOf, css, luminance, palette } from "./colors";
import { ClusterList, swatch } from "./clusters";
import { bdi, fill, h, kbd } from "./dom";
import { type Action, actionOf, HELP } from "./keys";
import { DIM, READ, Scatter } from "./map";
import { bytes, Channel, type ClusterCard, type Hello, type Legend, type Mark, type Model, type Nearest, type Piece, type Push, type State, type Trace } from "./protocol";
import { type Place, ReadingPane } from "./reading";
import { count, oneLine, plural } from "./text";

const POLL_MS = 2000;
const HOVER_MS = 70;
const AHEAD = 5;
const KEEP = 80;
const NAMED = 10;

type Pane = "map" | "clusters" | "reading";

class Workbench {
  private readonly root: HTMLElement;
  private readonly channel: Channel;
  private readonly map: Scatter;
  private readonly list: ClusterList;
  private readonly pane: ReadingPane;
  private readonly colorBy = h("select", { class: "fs-input", "aria-label": "Colour by" });
  private readonly legend = h("div", { class: "fs-legend", "aria-label": "Legend" });
  private readonly card = h("div", { class: "fs-card", hidden: true, "aria-hidden": "true" });
  private readonly lassoButton = h("button", { class: "fs-button", type: "button", "aria-pressed": "false", title: "Draw around points (l, or Shift and drag)" }, "Lasso ", kbd("l"));
  private readonly selection = h("div", { class: "fs-selection", hidden: true, role: "status" });
  private readonly title = h("span", { class: "fs-title" });
  private readonly progress = h("span", { class: "fs-progress", role: "img" });
  private readonly status = h("span", { class: "fs-status", role: "status", "aria-live": "polite" });
  private readonly alarm = h("div", { class: "fs-alarm", role: "alert", hidden: true });
  private readonly prompt = h("form", { class: "fs-prompt", hidden: true });
  private readonly help = h("div", { class: "fs-help", role: "dialog", "aria-modal": "true", "aria-label": "Keys", hidden: true, tabindex: -1 });
  private readonly tabs = h("div", { class: "fs-tabs", role: "tablist", "aria-label": "Panes" });

  private hello: Hello | null = null;
  private state: State = { revision: -1, changed: false, modes: [], tags: {} };
  private labels = new Int32Array(0);
  private read = new Uint8Array(0);
  private cards = new Map<number, ClusterCard>();
  private reasons = new Map<number, string>();
  private legendNow: Legend | null = null;
  private codes = new Uint8Array(0);
  private swatches = new Map<number, string>();
  private lassoed: Uint32Array | null = null;
  private cluster: number | null = null;
  private queue: number[] = [];
  private current: number | null = null;
  private traces = new Map<number, Trace>();
  private asked = new Map<number, Promise<Trace>>();
  private ownWrites = 0;
  private pending = 0;
  private dark = false;
  private golden = "";
  private hoverTimer = 0;
  private hoverRow: number | null = null;
  private stateTimer = 0;
  private readonly timers: number[] = [];
  private readonly watchers: { disconnect(): void }[] = [];

  constructor(private readonly model: Model, host: HTMLElement) {
    this.channel = new Channel(model, (push, buffers) => this.pushed(push, buffers), (silent) => this.silence(silent));
    this.map = new Scatter({
      hover: (row, x, y) => this.hover(row, x, y),
      pick: (row) => void this.open(row, { pane: "reading" }),
      lasso: (rows) => void this.lasso(rows),
      lassoMode: (on) => this.lassoButton.setAttribute("aria-pressed", String(on)),
    });
    this.list = new ClusterList((cluster) => this.choose(cluster));
    this.pane = new ReadingPane({
      next: () => void this.step(1),
      previous: () => void this.step(-1),
      toggleMode: (mode) => this.toggleMode(mode),
      fine: () => this.annotate({ failure_modes: [] }),
      newTag: () => this.askTag(),
      say: (row, what, text) => this.say(row, what, text),
      propose: () => this.askGolden(),
      undo: () => void this.undo(),
      more: (row, part, start) => this.channel.ask<Piece>("more", { row, part, start }),
      nearest: (row) => this.channel.ask<Nearest>("nearest", { row }),
      open: (row) => void this.open(row, { pane: "reading" }),
    });
    const button = (label: string, title: string, onclick: () => void) => h("button", { class: "fs-button fs-icon", type: "button", "aria-label": title, title, onclick }, label);
    const mapPane = h(
      "section",
      { class: "fs-pane fs-map-pane", "aria-label": "Map", "data-pane": "map" },
      h(
        "div",
        { class: "fs-bar" },
        h("label", { class: "fs-color-by fs-quiet" }, "Colour", this.colorBy),
        h("span", { class: "fs-gap" }),
        this.lassoButton,
        button("+", "Zoom in (+)", () => this.map.zoomBy(1.6)),
        button("−", "Zoom out (−)", () => this.map.zoomBy(1 / 1.6)),
        button("⤢", "Whole map (r)", () => this.map.fit()),
      ),
      this.map.el,
      this.selection,
      this.legend,
    );
    this.map.el.append(this.card);
    this.root = h(
      "div",
      { class: "fs-workbench failscope", tabindex: 0, role: "application", "aria-label": "failscope workbench", "data-lm-suppress-shortcuts": "true", "data-show": "reading" },
      h(
        "div",
        { class: "fs-top" },
        this.title,
        this.progress,
        h("span", { class: "fs-gap" }),
        this.status,
        h("button", { class: "fs-button", type: "button", title: "All keys (?)", onclick: () => this.toggleHelp() }, "Keys ", kbd("?")),
      ),
      this.alarm,
      this.tabs,
      h("div", { class: "fs-main" }, mapPane, this.list.el, this.pane.el),
      this.prompt,
      this.help,
    );
    for (const [pane, label] of [["map", "Map"], ["clusters", "Clusters"], ["reading", "Read"]] as const) {
      this.tabs.append(h("button", { class: "fs-tab", type: "button", role: "tab", "data-tab": pane, onclick: () => this.showPane(pane) }, label));
    }
    this.showPane("reading");
    this.lassoButton.addEventListener("click", () => this.map.setLasso(!this.map.lassoing));
    this.colorBy.addEventListener("change", () => {
      void this.recolor(this.colorBy.value);
      this.root.focus({ preventScroll: true });
    });
    this.root.addEventListener("keydown", (e) => this.key(e));
    for (const kind of ["keyup", "keypress"]) this.root.addEventListener(kind, (e) => e.stopPropagation());
    // the Lab takes the focus back on a mouse press in an output; what happens in here is ours
    for (const kind of ["mousedown", "dblclick", "contextmenu"]) this.root.addEventListener(kind, (e) => e.stopPropagation());
    this.root.addEventListener("mousedown", (e) => {
      if (!(e.target as Element).closest("button, input, select, textarea, [tabindex='0']:not(.fs-workbench)")) setTimeout(() => this.root.focus({ preventScroll: true }));
    });
    host.append(this.root);
    this.setHeight();
    this.model.on("change:height", this.setHeight);
    this.theme();
    this.watchTheme();
    this.map.onFrame = () => {
      this.map.onFrame = null;
      painted("first-frame");
    };
    void this.start();
  }

  // beginning ---------------------------------------------------------------------------------------------------

  private async start(): Promise<void> {
    this.pane.empty("Waiting for Python…");
    try {
      const hello = await this.channel.ask<Hello>("hello");
      this.hello = hello;
      const xy = bytes(hello.buffers[0]);
      this.labels = new Int32Array(bytes(hello.buffers[1]).buffer);
      this.read = new Uint8Array(hello.n);
      this.cards = new Map(hello.clusters.map((c) => [c.cluster, c]));
      hello.plan.forEach((row, k) => this.reasons.set(row, hello.reasons[k] ?? ""));
      this.title.textContent = oneLine(hello.title, 80);
      this.pane.setLooking(hello.looking);
      this.fillColors(hello);
      const places = new Float32Array(xy.buffer);
      this.map.setPoints(places);
      if (hello.n > 1 && places.every((v, k) => v === places[k % 2])) this.map.say("This clustering was made without a map (projector=None).");
      this.list.setCards(hello.clusters.filter((c) => c.cluster >= 0), hello.noise, hello.lift_of, hello.note);
      this.queue = hello.plan;
      const colored = this.recolor(hello.by);
      await this.refresh();
      if (hello.buffers[2]) this.selectRows(new Uint32Array(bytes(hello.buffers[2]).buffer));
      else if (hello.open === null) await this.open(this.firstUnread());
      if (hello.open !== null) await this.open(hello.open);
      await colored;
      this.timers.push(setInterval(() => this.poll(), POLL_MS) as unknown as number);
      this.root.dataset.ready = "true";
    } catch (error) {
      this.fail(error);
    }
  }

  private fillColors(hello: Hello): void {
    const groups = new Map<string, HTMLOptGroupElement>();
    for (const { by, label, group } of hello.colors) {
      if (!groups.has(group)) groups.set(group, h("optgroup", { label: group }));
      groups.get(group)!.append(h("option", { value: by }, oneLine(label, 40)));
    }
    fill(this.colorBy, ...groups.values());
  }

  private setHeight = (): void => {
    const height = Math.min(2400, Math.max(360, Number(this.model.get("height")) || 720));
    this.root.style.height = `${height}px`;
  };

  private watchTheme(): void {
    const observer = new MutationObserver(() => this.theme());
    observer.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "data-jp-theme-name", "data-vscode-theme-kind"] });
    const media = window.matchMedia("(prefers-color-scheme: dark)");
    const changed = () => this.theme();
    // a theme's name changes before its style sheet is there
    this.timers.push(setInterval(changed, POLL_MS) as unknown as number);
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
    if (this.legendNow) this.paint();
  }

  // colours -------------------------------------------------------------------------------------------------------

  private async recolor(by: string): Promise<void> {
    try {
      const legend = await this.channel.ask<Legend>("color", { by });
      this.codes = bytes(legend.buffers[0]);
      this.legendNow = legend;
      this.colorBy.value = by;
      this.root.dataset.by = by;
      this.paint();
      painted("recolored");
    } catch (error) {
      this.fail(error);
    }
  }

  private paint(): void {
    const legend = this.legendNow!;
    this.map.setColors(this.codes, palette(legend, this.dark), this.dark);
    this.swatches = new Map();
    if (legend.by === "cluster") {
      legend.categories?.forEach((c, k) => {
        if (c.cluster !== undefined) this.swatches.set(c.cluster, css(colorOf(legend, k, this.dark)));
      });
    }
    this.list.setSwatches(this.swatches);
    this.drawLegend(legend);
    this.drawNames();
    if (this.current !== null && this.traces.has(this.current)) this.pane.setPlace(this.placeOf(this.traces.get(this.current)!));
  }

  private drawLegend(legend: Legend): void {
    const color = (k: number) => css(colorOf(legend, k, this.dark));
    const parts: Node[] = [];
    if (legend.kind === "amount" || legend.kind === "ordered") {
      const categories = legend.categories ?? [];
      const stops = Array.from({ length: 9 }, (_, k) => (legend.kind === "amount" ? color(Math.round((k / 8) * 254)) : css(colorOf({ ...legend, kind: "amount" }, Math.round((k / 8) * 254), this.dark))));
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
      parts.push(h("span", { class: "fs-key" }, swatch(css(colorOf(legend, 255, this.dark))), said, h("span", { class: "fs-quiet" }, count(legend.missing))));
    }
    if (!this.hello?.looking) parts.push(h("span", { class: "fs-key" }, h("span", { class: "fs-swatch fs-swatch-read", "aria-hidden": "true" }), "read"));
    fill(this.legend, ...parts);
  }

  private drawNames(): void {
    // what is selected is named below the map; a name on top of it would only hide its points
    const clusters = this.cluster !== null || this.lassoed ? [] : (this.hello?.clusters ?? []).filter((c) => c.cluster >= 0).slice(0, NAMED).map((c) => c.cluster);
    this.map.setLabels(
      clusters.map((cluster) => {
        const [x, y] = this.middle(cluster);
        return { x, y, text: oneLine(this.cards.get(cluster)?.name ?? "", 26) };
      }),
    );
  }

  private middles = new Map<number, [number, number]>();

  /** Just above the middle of a cluster, by quantiles: an outlier does not drag the name away. */
  private middle(cluster: number): [number, number] {
    const known = this.middles.get(cluster);
    if (known) return known;
    const xs: number[] = [];
    const ys: number[] = [];
    this.labels.forEach((label, row) => {
      if (label !== cluster) return;
      const [x, y] = this.map.place(row);
      xs.push(x);
      ys.push(y);
    });
    const quantile = (v: number[], q: number) => v.sort((a, b) => a - b)[Math.floor(q * (v.length - 1))] ?? 0;
    const at: [number, number] = [quantile(xs, 0.5), quantile(ys, 0.9)];
    this.middles.set(cluster, at);
    return at;
  }

  // selection -----------------------------------------------------------------------------------------------------

  private choose(cluster: number | null): void {
    this.cluster = cluster;
    if (cluster !== null) this.dropLasso();
    this.list.setChosen(cluster);
    this.filtered();
    if (cluster !== null) void this.open(this.firstUnread());
  }

  private async lasso(rows: Uint32Array): Promise<void> {
    if (rows.length === 0) {
      this.note("No points inside the lasso");
      return;
    }
    this.selectRows(rows);
    try {
      await this.channel.ask("lasso", {}, [rows]);
      performance.mark("failscope:lasso-in-python");
      this.root.dataset.selected = String(rows.length);
    } catch (error) {
      this.fail(error);
    }
  }

  private selectRows(rows: Uint32Array): void {
    this.lassoed = rows.length ? rows : null;
    this.cluster = null;
    this.list.setChosen(null);
    this.filtered();
    if (rows.length) void this.open(this.firstUnread());
  }

  private dropLasso(): void {
    if (!this.lassoed) return;
    this.lassoed = null;
    delete this.root.dataset.selected;
    this.channel.ask("lasso", {}, []).catch((error) => this.fail(error));
  }

  private clear(): void {
    this.dropLasso();
    this.cluster = null;
    this.list.setChosen(null);
    this.filtered();
  }

  private filtered(): void {
    this.drawState();
    this.drawNames();
    const plan = this.hello?.plan ?? [];
    let rows: number[] | null = null;
    let said: Node[] = [];
    if (this.lassoed) {
      rows = [...this.lassoed];
      said = [h("b", {}, plural(this.lassoed.length, "trace")), document.createTextNode(" in the lasso")];
    } else if (this.cluster !== null) {
      rows = [];
      this.labels.forEach((label, row) => label === this.cluster && rows!.push(row));
      said = [h("b", {}, plural(rows.length, "trace")), document.createTextNode(" of "), bdi(oneLine(this.cards.get(this.cluster)?.name ?? "", 40))];
    }
    if (rows) {
      const inside = new Set(rows);
      const planned = plan.filter((row) => inside.has(row));
      const first = new Set(planned);
      this.queue = [...planned, ...rows.filter((row) => !first.has(row))];
    } else {
      this.queue = plan;
    }
    this.selection.hidden = rows === null;
    if (rows) {
      const tag = this.hello?.looking ? null : h("button", { class: "fs-button", type: "button", title: "Give all of them a failure mode (c, or Shift and a number)", onclick: () => this.askGroupTag() }, "Tag ", kbd("c"));
      fill(this.selection, h("span", {}, ...said), h("span", { class: "fs-gap" }), tag, h("button", { class: "fs-button", type: "button", title: "Clear the selection (Esc)", onclick: () => this.clear() }, "Clear"));
    }
    if (this.current !== null && this.traces.has(this.current)) this.pane.setPlace(this.placeOf(this.traces.get(this.current)!));
  }

  private drawState(): void {
    const n = this.labels.length;
    const state = new Uint8Array(n);
    if (this.lassoed) {
      state.fill(DIM);
      for (const row of this.lassoed) state[row] = 0;
    } else if (this.cluster !== null) {
      for (let row = 0; row < n; row++) state[row] = this.labels[row] === this.cluster ? 0 : DIM;
    }
    for (let row = 0; row < n; row++) if (this.read[row]) state[row]! |= READ;
    this.map.setState(state);
  }

  // hover -----------------------------------------------------------------------------------------------------------

  private hover(row: number | null, x: number, y: number): void {
    if (row === this.hoverRow) return;
    this.hoverRow = row;
    clearTimeout(this.hoverTimer);
    this.card.hidden = true;
    this.map.el.classList.toggle("fs-over", row !== null);
    if (row === null) return;
    this.hoverTimer = setTimeout(() => void this.showCard(row, x, y), HOVER_MS) as unknown as number;
  }

  private async showCard(row: number, x: number, y: number): Promise<void> {
    try {
      const { input, output } = await this.channel.ask<{ input: string; output: string }>("card", { row });
      if (this.hoverRow !== row) return;
      const cluster = this.labels[row] ?? -1;
      fill(
        this.card,
        h("div", { class: "fs-card-cluster" }, swatch(this.swatches.get(cluster)), bdi(this.clusterName(cluster))),
        h("div", { class: "fs-card-input" }, bdi(oneLine(input, 150) || "empty input")),
        h("div", { class: "fs-card-output" }, bdi(oneLine(output, 190) || "empty output")),
        this.reasons.has(row) ? h("div", { class: "fs-quiet" }, this.read[row] ? "in the plan · read" : "in the plan") : null,
      );
      this.card.hidden = false;
      const [w, hgt] = [this.map.el.clientWidth, this.map.el.clientHeight];
      const [cw, ch] = [this.card.offsetWidth, this.card.offsetHeight];
      this.card.style.left = `${Math.max(4, Math.min(x + 14, w - cw - 4))}px`;
      this.card.style.top = `${y + 16 + ch > hgt ? Math.max(4, y - ch - 12) : y + 16}px`;
    } catch (error) {
      this.fail(error);
    }
  }

  private clusterName(cluster: number): string {
    return cluster < 0 ? "in no cluster" : oneLine(this.cards.get(cluster)?.name ?? `cluster ${cluster}`, 60);
  }

  // reading -----------------------------------------------------------------------------------------------------------

  private firstUnread(): number {
    return this.queue.find((row) => !this.read[row]) ?? this.queue[0] ?? 0;
  }

  private async step(by: 1 | -1): Promise<void> {
    const at = this.current === null ? -1 : this.queue.indexOf(this.current);
    if (at < 0) return this.open(this.firstUnread());
    const row = this.queue[at + by];
    if (row !== undefined) return this.open(row);
    this.note(by > 0 ? `That was the last of ${count(this.queue.length)}` : "This is the first");
  }

  private fetch(row: number): Promise<Trace> {
    const known = this.traces.get(row);
    if (known) return Promise.resolve(known);
    let asked = this.asked.get(row);
    if (!asked) {
      asked = this.channel
        .ask<Trace>("trace", { row })
        .then((trace) => {
          this.traces.set(row, trace);
          // the oldest go, so that an hour of reading does not hold every text
          for (const old of this.traces.keys()) {
            if (this.traces.size <= KEEP) break;
            if (old !== this.current) this.traces.delete(old);
          }
          return trace;
        })
        .finally(() => this.asked.delete(row));
      this.asked.set(row, asked);
    }
    return asked;
  }

  private async open(row: number, { pane }: { pane?: Pane } = {}): Promise<void> {
    if (!this.hello?.n) return this.pane.empty("There are no traces to read.");
    this.current = row;
    this.map.setCurrent(row);
    if (pane) this.showPane(pane);
    try {
      const trace = await this.fetch(row);
      if (this.current !== row) return;
      this.pane.show(trace, this.placeOf(trace));
      painted("trace");
      this.root.dataset.trace = trace.trace_id;
      this.prefetch();
    } catch (error) {
      this.fail(error);
    }
  }

  private prefetch(): void {
    const at = this.queue.indexOf(this.current!);
    if (at < 0) return;
    for (const row of [...this.queue.slice(at + 1, at + 1 + AHEAD), ...this.queue.slice(Math.max(0, at - 1), at)]) {
      this.fetch(row).catch(() => undefined); // the reader has not asked for it yet; opening it asks again and tells
    }
  }

  private placeOf(trace: Trace): Place {
    const { row } = trace;
    const card = this.cards.get(trace.cluster);
    const at = this.queue.indexOf(row);
    const where = this.lassoed ? " selected" : this.cluster !== null ? " in the cluster" : "";
    return {
      position: at >= 0 ? `${count(at + 1)} of ${count(this.queue.length)}${where}` : "outside the plan",
      reason: this.reasons.get(row) ?? (at >= 0 ? "not in the plan" : ""),
      cluster: this.clusterName(trace.cluster),
      phrases: card?.phrases ?? [],
      swatch: this.swatches.get(trace.cluster),
    };
  }

  private showPane(pane: Pane): void {
    this.root.dataset.show = pane;
    for (const tab of this.tabs.children) tab.setAttribute("aria-selected", String((tab as HTMLElement).dataset.tab === pane));
  }

  // writing -------------------------------------------------------------------------------------------------------------

  /** Every write goes through here: "saved" is said only after Python said so, and what failed is said as loudly. */
  private async write<T>(ask: string, args: object, said: (answer: T) => string, buffers: ArrayBufferView[] = []): Promise<T | null> {
    if (this.hello?.looking) {
      this.note("Looking only: start a review to tag");
      return null;
    }
    this.pending++;
    this.setStatus("Saving…", "busy");
    try {
      const answer = await this.channel.ask<T & { revision: number }>(ask, args, buffers);
      this.ownWrites++;
      this.know(args);
      this.alarm.hidden = true;
      this.setStatus(said(answer), "saved");
      this.refreshSoon();
      return answer;
    } catch (error) {
      this.setStatus("Not saved", "wrong");
      this.fail(error, "Not saved. ");
      return null;
    } finally {
      this.pending--;
    }
  }

  /** A failure mode has its key at once, not only when the next state arrives. */
  private know(said: { failure_modes?: string[]; failure_mode?: string }): void {
    const fresh = [...(said.failure_modes ?? []), ...(said.failure_mode ? [said.failure_mode] : [])].filter((m) => !this.state.modes.includes(m));
    if (fresh.length === 0) return;
    this.state.modes = [...this.state.modes, ...fresh];
    this.pane.setModes(this.state.modes);
  }

  private async annotate(what: Partial<Mark>, row = this.current): Promise<void> {
    const trace = row === null ? undefined : this.traces.get(row);
    if (row === null || !trace || !this.hello) return;
    const before = trace.mark;
    if (before && !this.hello.looking) {
      // shown at once, so that the next key builds on it; put back if Python refuses
      trace.mark = { ...before, ...what, read: true };
      if (row === this.current) this.pane.setMark(trace.mark, trace.proposed);
    }
    const answer = await this.write<{ mark: Mark }>("annotate", { row, ...what }, () => "Saved");
    if (answer) {
      this.read[row] = answer.mark.read ? 1 : 0;
      this.drawState();
    }
    // an answer that a later key has overtaken must not undo it on the screen
    if (this.pending === 0 || !answer) trace.mark = answer ? answer.mark : before;
    if (row === this.current) this.pane.setMark(trace.mark, trace.proposed);
  }

  private toggleMode(mode: string): void {
    const held = (this.current === null ? null : this.traces.get(this.current)?.mark)?.failure_modes ?? [];
    void this.annotate({ failure_modes: held.includes(mode) ? held.filter((m) => m !== mode) : [...held, mode] });
  }

  private say(row: number, what: "note" | "expected_output", text: string): void {
    const held = this.traces.get(row)?.mark?.[what] ?? "";
    if (text !== held) void this.annotate({ [what]: text }, row);
  }

  private tagGroup(mode: string): void {
    if (this.lassoed) {
      const rows = this.lassoed;
      void this.write<{ n: number }>("tag_traces", { failure_mode: mode }, (a) => `Saved: ${plural(a.n, "trace")} tagged “${mode}”`, [rows]).then((done) => {
        if (done) this.forget();
      });
      return;
    }
    const cluster = this.cluster ?? (this.current === null ? -1 : (this.labels[this.current] ?? -1));
    if (cluster < 0) {
      this.note("This trace is in no cluster; select some traces to tag them together");
      return;
    }
    void this.write("tag_cluster", { cluster, failure_mode: mode }, () => `Saved: the cluster “${this.clusterName(cluster)}” is “${mode}”`);
  }

  private async undo(): Promise<void> {
    const done = await this.write<{ said: string }>("undo", {}, (a) => a.said || "Nothing to undo");
    if (done) this.forget();
  }

  /** What is cached may no longer hold: read the current trace's mark again, the others when they are opened. */
  private forget(): void {
    for (const row of [...this.traces.keys()]) if (row !== this.current) this.traces.delete(row);
    this.asked.clear();
    const row = this.current;
    if (row === null) return;
    void this.channel
      .ask<Trace>("trace", { row })
      .then((trace) => {
        this.traces.set(row, trace);
        if (row === this.current) this.pane.setMark(trace.mark, trace.proposed);
        this.prefetch();
      })
      .catch((error) => this.fail(error));
    void this.refresh();
  }

  // questions to the reader ---------------------------------------------------------------------------------------------

  private ask(label: string, action: string, value: string, choices: string[], done: (text: string) => void): void {
    if (this.hello?.looking) {
      this.note("Looking only: start a review to tag");
      return;
    }
    const id = `fs-${Math.random().toString(36).slice(2, 8)}`;
    const input = h("input", { class: "fs-input", type: "text", "aria-label": label, list: id, autocomplete: "off", maxlength: 120 });
    input.value = value;
    const close = () => {
      this.prompt.hidden = true;
      this.root.focus({ preventScroll: true });
    };
    fill(
      this.prompt,
      h("label", {}, label),
      input,
      h("datalist", { id }, ...choices.map((c) => h("option", { value: c }))),
      h("button", { class: "fs-button fs-primary", type: "submit" }, action),
      h("button", { class: "fs-button", type: "button", onclick: close }, "Cancel"),
    );
    this.prompt.onsubmit = (e) => {
      e.preventDefault();
      const text = input.value.trim();
      if (!text) return input.focus();
      close();
      done(text);
    };
    this.prompt.hidden = false;
    input.focus({ preventScroll: true });
    input.select();
  }

  private askTag(): void {
    this.ask("Failure mode of this trace", "Tag", "", this.state.modes, (mode) => {
      const held = (this.current === null ? null : this.traces.get(this.current)?.mark)?.failure_modes ?? [];
      if (!held.includes(mode)) void this.annotate({ failure_modes: [...held, mode] });
    });
  }

  private askGroupTag(): void {
    const cluster = this.cluster ?? (this.current === null ? -1 : (this.labels[this.current] ?? -1));
    const what = this.lassoed ? `the ${plural(this.lassoed.length, "selected trace")}` : `the cluster “${this.clusterName(cluster)}”`;
    this.ask(`Failure mode of ${what}`, "Tag", "", this.state.modes, (mode) => this.tagGroup(mode));
  }

  private askGolden(): void {
    const row = this.current;
    if (row === null) return;
    const known = this.state.goldens ?? [];
    this.ask("Propose this trace for the golden set", "Propose", this.golden || known[0] || "", known, (golden) => {
      this.golden = golden;
      void this.write<{ proposed: string[] }>("propose", { row, golden, reason: "" }, () => `Saved: proposed for ${golden}`).then((answer) => {
        const trace = this.traces.get(row);
        if (!answer || !trace) return;
        trace.proposed = answer.proposed;
        if (row === this.current) this.pane.setMark(trace.mark, trace.proposed);
      });
    });
  }

  // state that others change too ----------------------------------------------------------------------------------------

  private poll(): void {
    if (document.visibilityState === "visible" && this.root.offsetParent !== null && this.pending === 0) void this.refresh();
  }

  private refreshSoon(): void {
    clearTimeout(this.stateTimer);
    this.stateTimer = setTimeout(() => void this.refresh(), 120) as unknown as number;
  }

  private async refresh(): Promise<void> {
    try {
      const own = this.ownWrites;
      const before = this.state.revision;
      const state = await this.channel.ask<State>("state", { since: before });
      if (!state.changed) return;
      const foreign = before >= 0 && state.revision - before !== own;
      this.ownWrites -= own;
      this.state = state;
      const read = bytes(state.buffers[0]);
      if (read.length === this.read.length) this.read = read;
      this.pane.setModes(state.modes);
      this.list.setTags(state.tags);
      this.drawProgress();
      this.drawState();
      if (this.legendNow?.by === "tag") void this.recolor("tag");
      if (foreign) this.forget();
    } catch (error) {
      this.fail(error);
    }
  }

  private drawProgress(): void {
    const p = this.state.progress;
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

  // what Python says unasked --------------------------------------------------------------------------------------------

  private pushed(push: Push, buffers: DataView[]): void {
    if (!this.hello) return; // hello's answer will say the same
    if (push.push === "open") void this.open(push.row, { pane: "reading" });
    else if (push.push === "color") void this.recolor(push.by);
    else if (push.push === "state") void this.refresh();
    else {
      const rows = new Uint32Array(bytes(buffers[0]).buffer);
      if (rows.length) this.selectRows(rows);
      else this.clear();
    }
  }

  private silence(silent: boolean): void {
    if (silent) this.setStatus("Waiting for Python: the kernel is busy, or gone. After a restart, run the cell again", "wrong");
    else this.setStatus("", "");
  }

  private setStatus(text: string, tone: "" | "busy" | "saved" | "wrong"): void {
    this.status.textContent = text;
    this.status.dataset.tone = tone;
  }

  private note(text: string): void {
    this.setStatus(text, "");
  }

  private fail(error: unknown, before = ""): void {
    const message = error instanceof Error ? error.message : String(error);
    fill(this.alarm, h("span", {}, before, bdi(oneLine(message, 600))), h("button", { class: "fs-button", type: "button", onclick: () => (this.alarm.hidden = true) }, "Close"));
    this.alarm.hidden = false;
  }

  // keys ------------------------------------------------------------------------------------------------------------------

  private key(e: KeyboardEvent): void {
    const target = e.target as HTMLElement;
    const typing = target.matches("input, textarea, select");
    // Shift+Enter in a field would run the cell, a letter would edit the notebook: no key of ours leaves
    e.stopPropagation();
    if (!this.help.hidden && e.key === "Tab") {
      e.preventDefault(); // the dialog has one button
      return;
    }
    if (typing && e.key === "Enter" && target.matches("textarea") && (e.ctrlKey || e.metaKey)) {
      e.preventDefault();
      this.leave(target);
      return;
    }
    const action = actionOf(e, typing);
    if (action === null) return;
    const scrolls = ["ArrowDown", "ArrowUp", "PageDown", "PageUp"].includes(e.key) && target === this.pane.scroll;
    if (scrolls) return;
    if (e.key === " " && target.matches("button")) return;
    if (typeof action === "string" && (e.key === "ArrowLeft" || e.key === "ArrowRight") && target.matches("[role=tab]")) return;
    e.preventDefault();
    this.act(action, target);
  }

  private leave(target: HTMLElement): void {
    target.blur();
    this.root.focus({ preventScroll: true });
  }

  private act(action: Action, target: HTMLElement): void {
    if (!this.help.hidden && action !== "help" && action !== "escape") return;
    if (typeof action === "object") {
      const k = "tag" in action ? action.tag : action.tagGroup;
      const mode = this.state.modes[k - 1];
      if (this.hello?.looking) this.note("Looking only: start a review to tag");
      else if (mode === undefined) this.note(`No failure mode ${k} yet; t makes a new one`);
      else if ("tag" in action) this.toggleMode(mode);
      else this.tagGroup(mode);
      return;
    }
    const actions: Record<typeof action, () => void> = {
      next: () => void this.step(1),
      previous: () => void this.step(-1),
      unread: () => {
        this.clear();
        void this.open(this.firstUnread());
      },
      fine: () => void this.annotate({ failure_modes: [] }),
      newTag: () => this.askTag(),
      tagCluster: () => this.askGroupTag(),
      note: () => this.whenWriting(() => this.pane.focusNote()),
      expected: () => this.whenWriting(() => this.pane.focusExpected()),
      propose: () => this.askGolden(),
      undo: () => void this.undo(),
      diff: () => this.pane.toggleDiff(),
      lasso: () => {
        this.showPane("map");
        this.map.setLasso(!this.map.lassoing);
      },
      search: () => {
        this.showPane("clusters");
        this.list.search.focus({ preventScroll: true });
      },
      help: () => this.toggleHelp(),
      escape: () => this.escape(target),
      zoomIn: () => this.map.zoomBy(1.6),
      zoomOut: () => this.map.zoomBy(1 / 1.6),
      fit: () => this.map.fit(),
      pageDown: () => this.pane.page(1),
      pageUp: () => this.pane.page(-1),
      noSave: () => this.note("Everything is saved as you go"),
    };
    actions[action]();
  }

  private whenWriting(go: () => void): void {
    if (this.hello?.looking) this.note("Looking only: start a review to tag");
    else {
      this.showPane("reading");
      go();
    }
  }

  private escape(target: HTMLElement): void {
    if (!this.help.hidden) return this.toggleHelp();
    if (!this.prompt.hidden) {
      this.prompt.hidden = true;
      return this.root.focus({ preventScroll: true });
    }
    if (target.matches("input, textarea, select")) return this.leave(target);
    if (this.map.lassoing) return this.map.setLasso(false);
    this.alarm.hidden = true;
    this.clear();
  }

  private toggleHelp(): void {
    if (!this.help.hidden) {
      this.help.hidden = true;
      this.root.focus({ preventScroll: true });
      return;
    }
    const looking = this.hello?.looking ?? false;
    fill(
      this.help,
      h(
        "div",
        { class: "fs-help-box" },
        h("div", { class: "fs-help-head" }, h("h3", {}, "Keys"), h("button", { class: "fs-button", type: "button", onclick: () => this.toggleHelp() }, "Close ", kbd("Esc"))),
        h(
          "div",
          { class: "fs-help-columns" },
          ...HELP.map(({ title, rows }) =>
            h("section", {}, h("h4", {}, title), h("dl", {}, ...rows.filter((r) => !(looking && r.writes)).flatMap((r) => [h("dt", {}, ...r.keys.map((k) => h("kbd", {}, k))), h("dd", {}, r.does)]))),
          ),
        ),
        h("p", { class: "fs-quiet" }, "What you say is saved at once, under your name. Hollow points on the map are read; grey ones have no value or are not selected."),
      ),
    );
    this.help.hidden = false;
    this.help.focus({ preventScroll: true });
  }

  close(): void {
    this.channel.close();
    this.map.close();
    this.model.off("change:height", this.setHeight);
    this.timers.forEach(clearInterval);
    clearTimeout(this.stateTimer);
    clearTimeout(this.hoverTimer);
    this.watchers.forEach((w) => w.disconnect());
    this.root.remove();
  }
}

/** A mark for benchmarks, two frames later: by then what was drawn is on the screen. */
function painted(what: string): void {
  requestAnimationFrame(() => requestAnimationFrame(() => performance.mark(`failscope:${what}`)));
}

function amount(value: number | null | undefined, sign: string): string {
  if (value === null || value === undefined) return "";
  const text = Math.abs(value) >= 1000 ? count(Math.round(value)) : Number(value.toPrecision(3)).toString();
  return sign + text;
}

export default {
  render({ model, el }: { model: Model; el: HTMLElement }): () => void {
    const workbench = new Workbench(model, el);
    return () => workbench.close();
  },
};
