// The workbench: puts the parts together, and carries the reader from what is selected to the trace that is read.

import { Actions } from "./actions";
import { ClusterList } from "./clusters";
import { Dialogs } from "./dialogs";
import { MapPane } from "./mappane";
import { bytes, type Hello, type Model, type Nearest, type Piece, type Push, type State, type Trace } from "./protocol";
import { type Place, ReadingPane } from "./reading";
import { Review } from "./review";
import { Selection } from "./selection";
import { painted, type Pane, Shell } from "./shell";
import { count } from "./text";

class Workbench {
  private readonly shell: Shell;
  private readonly selection = new Selection();
  private readonly review: Review;
  private readonly map: MapPane;
  private readonly list: ClusterList;
  private readonly pane: ReadingPane;
  private readonly actions: Actions;

  constructor(model: Model, host: HTMLElement) {
    const shell = (this.shell = new Shell(model, {
      key: (e) => this.actions.key(e),
      help: () => this.actions.toggleHelp(),
      theme: () => this.map.paint(),
    }));
    const selection = this.selection;
    const dialogs = new Dialogs(() => shell.focus());
    const review = (this.review = new Review(model, shell, selection, {
      pushed: (push, buffers) => this.pushed(push, buffers),
      state: (state) => this.changed(state),
      modes: (modes) => pane.setModes(modes),
      read: () => map.drawState(),
      mark: (trace) => {
        if (trace.row === selection.current) pane.setMark(trace.mark, trace.proposed);
      },
    }));
    const map = (this.map = new MapPane(review, selection, shell, {
      pick: (row) => void this.open(row, { pane: "reading" }),
      lasso: (rows) => void this.lasso(rows),
      clear: () => this.clear(),
      tagGroup: () => this.actions.askGroupTag(),
      swatches: (swatches) => {
        list.setSwatches(swatches);
        this.placeAgain();
      },
    }));
    const list = (this.list = new ClusterList((cluster) => this.choose(cluster)));
    const pane = (this.pane = new ReadingPane({
      next: () => void this.step(1),
      previous: () => void this.step(-1),
      toggleMode: (mode) => this.actions.toggleMode(mode),
      fine: () => this.actions.fine(),
      newTag: () => this.actions.askTag(),
      say: (row, what, text) => this.actions.say(row, what, text),
      propose: () => this.actions.askGolden(),
      undo: () => void this.actions.undo(),
      more: (row, part, start) => review.channel.ask<Piece>("more", { row, part, start }),
      nearest: (row) => review.channel.ask<Nearest>("nearest", { row }),
      open: (row) => void this.open(row, { pane: "reading" }),
    }));
    this.actions = new Actions(
      { shell, dialogs, review, selection, map, list, pane },
      {
        step: (by) => void this.step(by),
        unread: () => {
          this.clear();
          void this.open(this.firstUnread());
        },
        clear: () => this.clear(),
      },
    );
    shell.main.append(map.el, list.el, pane.el);
    shell.root.append(dialogs.prompt, dialogs.help);
    shell.mount(host);
    map.scatter.onFrame = () => {
      map.scatter.onFrame = null;
      painted("first-frame");
    };
    void this.start();
  }

  close(): void {
    this.review.close();
    this.map.close();
    this.shell.close();
  }

  private async start(): Promise<void> {
    const { list, map, pane, review, selection, shell } = this;
    pane.empty("Waiting for Python…");
    try {
      const hello = await review.channel.ask<Hello>("hello");
      review.begin(hello);
      selection.begin(hello.plan, review.labels);
      shell.setTitle(hello.title);
      pane.setLooking(hello.looking);
      map.begin(hello, new Float32Array(bytes(hello.buffers[0]).buffer));
      list.setCards(hello.clusters.filter((c) => c.cluster >= 0), hello.noise, hello.lift_of, hello.note);
      const colored = map.recolor(hello.by);
      await review.refresh();
      if (hello.buffers[2]) this.selectRows(new Uint32Array(bytes(hello.buffers[2]).buffer));
      else if (hello.open === null) await this.open(this.firstUnread());
      if (hello.open !== null) await this.open(hello.open);
      await colored;
      review.startPolling();
      shell.root.dataset.ready = "true";
    } catch (error) {
      shell.fail(error);
    }
  }

  // what Python says ------------------------------------------------------------------------------------------------

  private pushed(push: Push, buffers: DataView[]): void {
    if (!this.review.hello) return; // hello's answer will say the same
    if (push.push === "open") void this.open(push.row, { pane: "reading" });
    else if (push.push === "color") void this.map.recolor(push.by);
    else if (push.push === "state") void this.review.refresh();
    else {
      const rows = new Uint32Array(bytes(buffers[0]).buffer);
      if (rows.length) this.selectRows(rows);
      else this.clear();
    }
  }

  private changed(state: State): void {
    this.pane.setModes(state.modes);
    this.list.setTags(state.tags);
    this.shell.setProgress(state.progress);
    this.map.drawState();
    if (this.map.by === "tag") void this.map.recolor("tag");
  }

  // selection -----------------------------------------------------------------------------------------------------

  private choose(cluster: number | null): void {
    this.selection.cluster = cluster;
    if (cluster !== null) this.dropLasso();
    this.list.setChosen(cluster);
    this.filtered();
    if (cluster !== null) void this.open(this.firstUnread());
  }

  private async lasso(rows: Uint32Array): Promise<void> {
    if (rows.length === 0) {
      this.shell.note("No points inside the lasso");
      return;
    }
    this.selectRows(rows);
    try {
      await this.review.channel.ask("lasso", {}, [rows]);
      performance.mark("failscope:lasso-in-python");
      this.shell.root.dataset.selected = String(rows.length);
    } catch (error) {
      this.shell.fail(error);
    }
  }

  private selectRows(rows: Uint32Array): void {
    this.selection.lassoed = rows.length ? rows : null;
    this.selection.cluster = null;
    this.list.setChosen(null);
    this.filtered();
    if (rows.length) void this.open(this.firstUnread());
  }

  private dropLasso(): void {
    if (!this.selection.lassoed) return;
    this.selection.lassoed = null;
    delete this.shell.root.dataset.selected;
    this.review.channel.ask("lasso", {}, []).catch((error) => this.shell.fail(error));
  }

  private clear(): void {
    this.dropLasso();
    this.selection.cluster = null;
    this.list.setChosen(null);
    this.filtered();
  }

  private filtered(): void {
    this.map.drawState();
    this.map.drawNames();
    this.map.drawSelected(this.selection.reorder()?.length ?? null);
    this.placeAgain();
  }

  // reading -----------------------------------------------------------------------------------------------------------

  private firstUnread(): number {
    return this.selection.firstUnread(this.review.read);
  }

  private async step(by: 1 | -1): Promise<void> {
    const { current, queue } = this.selection;
    const at = this.selection.at(current);
    if (at < 0) return this.open(this.firstUnread());
    const row = queue[at + by];
    if (row !== undefined) return this.open(row);
    this.shell.note(by > 0 ? `That was the last of ${count(queue.length)}` : "This is the first");
  }

  private async open(row: number, { pane }: { pane?: Pane } = {}): Promise<void> {
    if (!this.review.hello?.n) return this.pane.empty("There are no traces to read.");
    this.selection.current = row;
    this.map.scatter.setCurrent(row);
    if (pane) this.shell.showPane(pane);
    try {
      const trace = await this.review.fetch(row);
      if (this.selection.current !== row) return;
      this.pane.show(trace, this.placeOf(trace));
      painted("trace");
      this.shell.root.dataset.trace = trace.trace_id;
      this.review.prefetch();
    } catch (error) {
      this.shell.fail(error);
    }
  }

  /** Say again where the current trace stands: the queue or the colours around it are others. */
  private placeAgain(): void {
    const { current } = this.selection;
    const trace = current === null ? undefined : this.review.traces.get(current);
    if (trace) this.pane.setPlace(this.placeOf(trace));
  }

  private placeOf(trace: Trace): Place {
    const { lassoed, cluster, queue } = this.selection;
    const { row } = trace;
    const at = this.selection.at(row);
    const where = lassoed ? " selected" : cluster !== null ? " in the cluster" : "";
    return {
      position: at >= 0 ? `${count(at + 1)} of ${count(queue.length)}${where}` : "outside the plan",
      reason: this.review.reasons.get(row) ?? (at >= 0 ? "not in the plan" : ""),
      cluster: this.review.clusterName(trace.cluster),
      phrases: this.review.cards.get(trace.cluster)?.phrases ?? [],
      swatch: this.map.swatches.get(trace.cluster),
    };
  }
}

export default {
  render({ model, el }: { model: Model; el: HTMLElement }): () => void {
    const workbench = new Workbench(model, el);
    return () => workbench.close();
  },
};
