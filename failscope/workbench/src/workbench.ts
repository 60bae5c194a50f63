// The workbench: puts the parts together, and carries the reader from what is selected to the trace that is read.

import { Actions } from "./actions";
import { ClusterList } from "./clusters";
import { Desk } from "./desk";
import { Dialogs } from "./dialogs";
import { MapPane } from "./mappane";
import { bytes, type Hello, type Model, type Nearest, type Order, type Piece, type Push, type State, type Trace, type WalkSaid } from "./protocol";
import { type Place, ReadingPane } from "./reading";
import { Review } from "./review";
import { Selection } from "./selection";
import { painted, type Pane, Shell } from "./shell";
import { count, oneLine, plural } from "./text";
import { Together } from "./together";

class Workbench {
  private readonly shell: Shell;
  private readonly selection = new Selection();
  private readonly review: Review;
  private readonly map: MapPane;
  private readonly list: ClusterList;
  private readonly pane: ReadingPane;
  private readonly actions: Actions;
  private readonly together: Together;

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
        if (trace.row !== selection.current) return;
        pane.setMark(trace);
        this.placeAgain();
      },
      order: (order) => this.renewed(order),
    }));
    const map = (this.map = new MapPane(review, selection, shell, {
      pick: (row) => void this.open(row, { pane: "reading" }),
      lasso: (rows) => void this.lasso(rows),
      clear: () => this.clear(),
      tagGroup: () => this.actions.askGroupTag(),
      moreLike: () => this.actions.moreLike(),
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
      moreLike: () => void this.moreLike({ row: selection.current ?? 0 }),
      moreLikeTag: () => this.actions.askMoreLikeTag(),
      back: () => this.back(),
      more: (row, part, start) => review.channel.ask<Piece>("more", { row, part, start }),
      nearest: (row) => review.channel.ask<Nearest>("nearest", { row }),
      open: (row) => void this.open(row, { pane: "reading" }),
    }));
    const together = (this.together = new Together(
      { shell, dialogs, review, pane },
      {
        unread: () => this.toUnread(),
        walk: (said, rows, settling) => this.walk(said, rows, settling),
        open: (row) => void this.open(row),
        moreLikeTag: () => this.actions.askMoreLikeTag(),
        newTag: () => this.actions.askTag(),
        beyond: () => this.byPlan && selection.current !== null && !review.read[selection.current] && !shell.root.querySelector(":is(input, textarea, select):focus"),
        back: () => this.back(),
      },
    ));
    this.actions = new Actions(
      { shell, dialogs, review, selection, map, list, pane, together },
      {
        step: (by) => void this.step(by),
        unread: () => this.toUnread(),
        clear: () => this.clear(),
        moreLike: (what) => void this.moreLike(what),
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
    this.together.close();
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
      else if (review.me?.left === 0) this.together.whatNext();
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
    else if (push.push === "walk") this.walk(push, new Uint32Array(bytes(buffers[0]).buffer));
    else if (push.push === "state") void this.review.refresh();
    else if (push.push === "select") {
      const rows = new Uint32Array(bytes(buffers[0]).buffer);
      if (rows.length) this.selectRows(rows);
      else this.clear();
    }
  }

  private changed(state: State): void {
    this.pane.setModes(state.modes);
    this.list.setTags(state.tags);
    this.shell.setProgress(this.review.me);
    this.together.changed(state);
    this.map.drawState();
    if (this.map.by === "tag") void this.map.recolor("tag");
    this.suggest();
  }

  /** The rest of the plan has another order; the trace that is read and those before it stay where they are. */
  private renewed(order: Order): void {
    const { review, selection } = this;
    const moved = selection.renew(order.plan, review.read);
    this.shell.root.dataset.batches = String(order.batches);
    this.placeAgain();
    const next = selection.ahead(review.read);
    if (!moved || next === null) return;
    const why = review.reasons.get(next);
    this.pane.setRenewed(`Order renewed after ${plural(order.reads, "read")}.${why ? ` Next: ${oneLine(why, 140)}` : ""}`);
    review.prefetch();
  }

  /** Ask what is suggested for the current trace, unless it was judged. */
  private suggest(): void {
    const { current } = this.selection;
    if (current === null || !this.review.traces.has(current)) return;
    if (this.review.read[current]) this.pane.setSuggested([]);
    else void this.review.suggest(current, ({ suggested }) => this.pane.setSuggested(suggested));
  }

  // a walk through some traces, and back ----------------------------------------------------------------------------

  private async moreLike(what: { row: number } | { failure_mode: string } | { rows: Uint32Array }): Promise<void> {
    this.shell.setStatus("Looking for more…", "busy");
    try {
      const answer = "rows" in what ? await this.review.channel.ask<WalkSaid>("more_like", {}, [what.rows]) : await this.review.channel.ask<WalkSaid>("more_like", what);
      this.shell.setStatus("", "");
      this.walk(answer, new Uint32Array(bytes(answer.buffers[0]).buffer));
    } catch (error) {
      this.shell.setStatus("", "");
      this.shell.fail(error);
    }
  }

  private walk(said: WalkSaid, rows: Uint32Array, settling = false): void {
    const { selection } = this;
    if (rows.length === 0) {
      this.shell.note("Nothing unread is left that is like it");
      return;
    }
    this.together.sheet.close();
    if (!settling) this.together.settle.stop();
    const reasons = new Map([...rows].map((row, k) => [row, said.reasons[k] ?? ""]));
    const where = settling ? " to settle" : said.says.startsWith("most like") ? " alike" : " in this list";
    selection.walk = { rows: [...rows], reasons, says: said.says, where, from: selection.walk ? selection.walk.from : selection.current };
    this.shell.root.dataset.walk = String(rows.length);
    this.pane.setWalk(`${plural(rows.length, "trace")} ${said.says}`);
    this.filtered();
    void this.open(rows[0]!, { pane: "reading" });
  }

  /** Whether there was a walk to come back from. */
  private back(): boolean {
    const { walk } = this.selection;
    if (!walk) return false;
    this.endWalk();
    this.filtered();
    if (walk.from !== null) void this.open(walk.from);
    return true;
  }

  private endWalk(): void {
    this.selection.walk = null;
    this.together.settle.stop();
    this.pane.setSettling(false);
    delete this.shell.root.dataset.walk;
    this.pane.setWalk(null);
  }

  // selection -----------------------------------------------------------------------------------------------------

  private choose(cluster: number | null): void {
    this.endWalk();
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
    this.endWalk();
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
    if (this.back()) return;
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

  private toUnread(): void {
    this.endWalk();
    this.clear();
    const row = this.firstUnread();
    if (this.nothingLeft || this.review.read[row]) return this.together.whatNext();
    void this.open(row);
  }

  /** Whether the plan is read, and not a selection of traces. */
  private get byPlan(): boolean {
    const { walk, lassoed, cluster } = this.selection;
    return !walk && !lassoed && cluster === null;
  }

  private get nothingLeft(): boolean {
    return this.review.me?.left === 0;
  }

  private async step(by: 1 | -1): Promise<void> {
    const { current, queue } = this.selection;
    const at = this.selection.at(current);
    if (at < 0) return this.open(this.firstUnread());
    const row = queue[at + by];
    // a plan that is ordered anew may go on behind the last trace that counts
    if (by > 0 && this.byPlan && this.nothingLeft && (row === undefined || !this.review.read[row])) return this.together.whatNext();
    if (row !== undefined) return this.open(row);
    this.shell.note(by < 0 ? "This is the first" : `That was the last of ${count(queue.length)}${this.byPlan && this.review.me ? "; g goes to the first unread" : ""}`);
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
      this.pane.setSettling(this.together.settle.at(row));
      painted("trace");
      this.shell.root.dataset.trace = trace.trace_id;
      this.review.prefetch();
      this.suggest();
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
    const { lassoed, cluster, queue, walk } = this.selection;
    const { row } = trace;
    const at = this.selection.at(row);
    const where = walk ? walk.where : lassoed ? " selected" : cluster !== null ? " in the cluster" : "";
    const reason = walk?.reasons.get(row) || this.review.reasons.get(row) || (at >= 0 ? "not in the plan" : "");
    const second = trace.second && !this.review.read[row] ? "second opinion: somebody else has read it" : "";
    const counts = trace.alike ? `counts for ${count(trace.alike)} more with the same question and output` : "";
    return {
      position: at >= 0 ? `${count(at + 1)} of ${count(queue.length)}${where}` : "outside the plan",
      reason: [reason, second, counts].filter(Boolean).join(" · "),
      cluster: this.review.clusterName(trace.cluster),
      phrases: this.review.cards.get(trace.cluster)?.phrases ?? [],
      swatch: this.map.swatches.get(trace.cluster),
    };
  }
}

export default {
  render({ model, el }: { model: Model; el: HTMLElement }): () => void {
    const workbench = model.get("face") === "desk" ? new Desk(model, el) : new Workbench(model, el);
    return () => workbench.close();
  },
};
