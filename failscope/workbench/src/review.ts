// What is known of the review: asks Python, keeps what it answered, and calls nothing saved before Python did.

import { type Answer, bytes, Channel, type ClusterCard, type Hello, type Mark, type Model, type Order, type Person, type Push, type RubricSaid, type State, type Suggested, type Trace } from "./protocol";
import type { Selection } from "./selection";
import type { Shell } from "./shell";
import { oneLine } from "./text";

/** So that what others do is seen within two seconds, the way there and back included. */
const POLL_MS = 1000;
const SOON_MS = 120;
const KEEP = 80;
const PLACING_MS = 1500;

/** What the panes must hear of. */
interface Events {
  /** Python speaks unasked. */
  pushed(push: Push, buffers: DataView[]): void;
  /** The state of the review is another, by a word of this reader or of anyone else. */
  state(state: State): void;
  modes(modes: string[]): void;
  /** A row came to be read, or unread. */
  read(): void;
  /** What is said of a trace is another. */
  mark(trace: Trace): void;
  /** Enough was read that the rest has another order. */
  order(order: Order): void;
}

export class Review {
  readonly channel: Channel;
  hello: Hello | null = null;
  state: State = { revision: -1, changed: false, modes: [], tags: {} };
  labels = new Int32Array(0);
  read = new Uint8Array(0);
  readonly traces = new Map<number, Trace>();
  cards = new Map<number, ClusterCard>();
  readonly reasons = new Map<number, string>();
  batches = 0;
  rubric: RubricSaid | null = null;
  private readonly asked = new Map<number, Promise<Trace>>();
  private ownWrites = 0;
  private pending = 0;
  private pollTimer = 0;
  private soonTimer = 0;
  private placingTimer = 0;

  constructor(
    model: Model,
    private readonly shell: Shell,
    private readonly selection: Selection,
    private readonly on: Events,
  ) {
    this.channel = new Channel(model, (push, buffers) => this.on.pushed(push, buffers), (silent) => this.shell.silence(silent));
  }

  begin(hello: Answer<Hello>): void {
    this.hello = hello;
    this.labels = new Int32Array(bytes(hello.buffers[1]).buffer);
    this.read = new Uint8Array(hello.n);
    this.cards = new Map(hello.clusters.map((c) => [c.cluster, c]));
    this.hold(hello);
  }

  private hold(order: Order): void {
    order.plan.forEach((row, k) => this.reasons.set(row, order.reasons[k] ?? ""));
    this.batches = order.batches;
  }

  close(): void {
    this.channel.close();
    clearInterval(this.pollTimer);
    clearTimeout(this.soonTimer);
    clearTimeout(this.placingTimer);
  }

  /** Whether there is no review to write to, only a clustering to look at. */
  get looking(): boolean {
    return this.hello?.looking ?? false;
  }

  get reviewer(): string {
    return this.me?.reviewer ?? this.hello?.reviewer ?? "";
  }

  /** How far this reader is. */
  get me(): Person | null {
    return this.state.people?.find((p) => p.you) ?? null;
  }

  /** Failure modes to choose from: those in use, then the rubric's. */
  get choices(): string[] {
    return [...new Set([...this.state.modes, ...(this.rubric?.dimensions.flatMap((d) => d.failure_modes) ?? [])])];
  }

  note(text: string): void {
    this.shell.note(text);
  }

  clusterName(cluster: number): string {
    return cluster < 0 ? "in no cluster" : oneLine(this.cards.get(cluster)?.name ?? `cluster ${cluster}`, 60);
  }

  // traces ------------------------------------------------------------------------------------------------------------

  fetch(row: number): Promise<Trace> {
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
            if (old !== this.selection.current) this.traces.delete(old);
          }
          return trace;
        })
        .finally(() => this.asked.delete(row));
      this.asked.set(row, asked);
    }
    return asked;
  }

  prefetch(): void {
    for (const row of this.selection.near()) {
      this.fetch(row).catch(() => undefined); // the reader has not asked for it yet; opening it asks again and tells
    }
  }

  /** What is cached may no longer hold: read the current trace's mark again, the others when they are opened. */
  forget(): void {
    const row = this.selection.current;
    for (const old of [...this.traces.keys()]) if (old !== row) this.traces.delete(old);
    this.asked.clear();
    if (row === null) return;
    void this.channel
      .ask<Trace>("trace", { row })
      .then((trace) => {
        this.traces.set(row, trace);
        this.on.mark(trace);
        this.prefetch();
      })
      .catch((error) => this.shell.fail(error));
    void this.refresh();
  }

  // writing -------------------------------------------------------------------------------------------------------------

  /** Every write goes through here: "saved" is said only after Python said so, and what failed is said as loudly. */
  async write<T>(ask: string, args: object, said: (answer: T) => string, buffers: ArrayBufferView[] = []): Promise<T | null> {
    if (this.looking) {
      this.shell.note("Looking only: start a review to tag");
      return null;
    }
    this.pending++;
    this.shell.setStatus("Saving…", "busy");
    try {
      const answer = await this.channel.ask<T & { revision: number }>(ask, args, buffers);
      this.ownWrites++;
      this.know(args);
      this.shell.calm();
      this.shell.setStatus(said(answer), "saved");
      this.refreshSoon();
      return answer;
    } catch (error) {
      this.shell.setStatus("Not saved", "wrong");
      this.shell.fail(error, "Not saved. ");
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
    this.on.modes(this.state.modes);
  }

  /** `agreed` are those of the failure modes that were suggested, with their confidence. */
  async annotate(what: Partial<Mark>, row = this.selection.current, agreed: Record<string, number> = {}): Promise<void> {
    const trace = row === null ? undefined : this.traces.get(row);
    if (row === null || !trace || !this.hello) return;
    const before = trace.mark;
    if (before && !this.looking) {
      // shown at once, so that the next key builds on it; put back if Python refuses
      trace.mark = { ...before, ...what, scores: { ...before.scores, ...what.scores }, read: before.read || what.failure_modes !== undefined };
      this.on.mark(trace);
    }
    const answer = await this.write<{ mark: Mark }>("annotate", { row, ...what, ...(Object.keys(agreed).length ? { suggested: agreed } : {}) }, () => "Saved");
    if (answer) {
      this.read[row] = answer.mark.read ? 1 : 0;
      this.on.read();
    }
    // an answer that a later key has overtaken must not undo it on the screen
    if (this.pending === 0 || !answer) trace.mark = answer ? answer.mark : before;
    this.on.mark(trace);
  }

  // suggestions -----------------------------------------------------------------------------------------------------

  /** What is suggested for an unread trace; asked again while Python still places the traces. */
  async suggest(row: number, show: (answer: Suggested) => void): Promise<void> {
    clearTimeout(this.placingTimer);
    if (this.looking || this.state.modes.length === 0) return;
    try {
      const answer = await this.channel.ask<Suggested>("suggest", { row });
      if (this.selection.current !== row) return;
      show(answer);
      if (!answer.ready) this.placingTimer = setTimeout(() => void this.suggest(row, show), PLACING_MS) as unknown as number;
    } catch (error) {
      this.shell.fail(error);
    }
  }

  // state that others change too ----------------------------------------------------------------------------------------

  startPolling(): void {
    this.pollTimer = setInterval(() => {
      if (this.shell.visible && this.pending === 0) void this.refresh();
    }, POLL_MS) as unknown as number;
  }

  private refreshSoon(): void {
    clearTimeout(this.soonTimer);
    this.soonTimer = setTimeout(() => void this.refresh(), SOON_MS) as unknown as number;
  }

  async refresh(): Promise<void> {
    try {
      const own = this.ownWrites;
      const before = this.state.revision;
      const state = await this.channel.ask<State>("state", { since: before });
      if (!state.changed) return;
      const revealed = before >= 0 && this.state.blind === true && state.blind === false;
      const foreign = before >= 0 && (revealed || state.revision - before !== own);
      this.ownWrites -= own;
      if ((state.rubric ?? "") !== (this.rubric?.version ?? "")) this.rubric = (await this.channel.ask<{ rubric: RubricSaid | null }>("rubric")).rubric;
      this.state = state;
      const read = bytes(state.buffers[0]);
      if (read.length === this.read.length) this.read = read;
      this.on.state(state);
      if (foreign) this.forget();
      if (revealed || (state.batches ?? this.batches) !== this.batches) {
        const order = await this.channel.ask<Order>("queue");
        this.hold(order);
        this.on.order(order);
      }
    } catch (error) {
      this.shell.fail(error);
    }
  }
}
