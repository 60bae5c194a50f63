// What is known of the proposed cases: asks Python, keeps what it answered, and calls nothing saved before Python did.

import type { DeskCase, DeskRow, DeskState } from "./deskwire";
import { Channel, type Model, type Piece, type Push } from "./protocol";
import type { Shell } from "./shell";

/** So that what others do is seen within two seconds, the way there and back included. */
const POLL_MS = 1000;
const KEEP = 60;
/** A text longer than this is not edited on a page. */
export const EDITABLE = 400_000;

interface Events {
  pushed(push: Push): void;
  /** The cases are others; of `foreign` somebody else said something. */
  state(state: DeskState, foreign: DeskRow[]): void | Promise<void>;
}

export class DeskStore {
  readonly channel: Channel;
  state: DeskState = { revision: -1, changed: false, role: "", bound: "", golden: "", version: null, examples: 0, kept: {}, firm: [], rows: [] };
  private readonly cases = new Map<string, DeskCase>();
  private rows = new Map<string, DeskRow>();
  /** Of which cases this page spoke since the last state; null for any, after an undo. */
  private own: Set<string> | null = new Set();
  private pending = 0;
  private polling = false;
  private queue: Promise<unknown> = Promise.resolve();
  private pollTimer = 0;

  constructor(
    model: Model,
    private readonly shell: Shell,
    private readonly on: Events,
  ) {
    this.channel = new Channel(model, (push) => this.on.pushed(push), (silent) => this.shell.silence(silent));
  }

  close(): void {
    this.channel.close();
    clearInterval(this.pollTimer);
  }

  /** When all that was written is seen. */
  get settled(): Promise<unknown> {
    return this.queue;
  }

  row(id: string): DeskRow | undefined {
    return this.rows.get(id);
  }

  /** The case in full; the same that was fetched before while nothing was said of it since. */
  async fetch(id: string): Promise<DeskCase> {
    const known = this.cases.get(id);
    if (known && known.seen === this.row(id)?.seen) return known;
    const asked = (await this.channel.ask<{ found: DeskCase }>("case", { case: id })).found;
    this.cases.set(id, asked);
    // the oldest go, so that an hour at the desk does not hold every text
    for (const old of this.cases.keys()) {
      if (this.cases.size <= KEEP) break;
      if (old !== id) this.cases.delete(old);
    }
    return asked;
  }

  more(id: string, part: string, start: number): Promise<Piece> {
    return this.channel.ask<Piece>("more", { case: id, part, start });
  }

  /** A text to its end, to be edited. */
  async whole(id: string, part: string, piece: Piece): Promise<string> {
    if (piece.total > EDITABLE) throw new Error(`this text has ${piece.total.toLocaleString("en-US")} characters, more than a page can edit; use desk.edit(...) in a cell`);
    let text = piece.text;
    while (text.length < piece.total) {
      const next = (await this.more(id, part, text.length)).text;
      if (!next) break;
      text += next;
    }
    return text;
  }

  /**
   * Every write goes through here, one after the other: "saved" is said only after Python said so, and what failed is
   * said as loudly. The page first shows what it did, or what somebody else said meanwhile; then the next one begins.
   */
  write<T>(ask: string, args: object, about: string[], said: (answer: T) => string): Promise<T | null> {
    this.pending++;
    const sent = this.queue.then(() => this.send(ask, args, about, said));
    this.queue = sent.finally(() => this.pending--);
    return sent;
  }

  private async send<T>(ask: string, args: object, about: string[], said: (answer: T) => string): Promise<T | null> {
    this.shell.setStatus("Saving…", "busy");
    try {
      const seen = Object.fromEntries(about.map((id) => [id, this.row(id)?.seen ?? ""]));
      const answer = await this.channel.ask<T>(ask, { ...args, seen });
      if (about.length === 0) this.own = null;
      about.forEach((id) => this.own?.add(id));
      this.shell.calm();
      await this.refresh();
      this.shell.setStatus(said(answer), "saved");
      return answer;
    } catch (error) {
      this.shell.setStatus("Not saved", "wrong");
      this.shell.fail(error, "Not saved. ");
      await this.refresh();
      return null;
    }
  }

  // state that others change too ----------------------------------------------------------------------------------------

  startPolling(): void {
    this.pollTimer = setInterval(() => {
      if (this.shell.visible && this.pending === 0 && !this.polling) void this.refresh();
    }, POLL_MS) as unknown as number;
  }

  async refresh(): Promise<void> {
    this.polling = true;
    try {
      const before = this.state.revision;
      const own = this.own;
      this.own = new Set();
      const state = await this.channel.ask<DeskState>("state", { since: before });
      if (state.revision < this.state.revision) return;
      if (!state.changed) {
        this.state.revision = state.revision;
        return;
      }
      const foreign = before < 0 || own === null ? [] : state.rows.filter((row) => this.row(row.id)?.seen !== row.seen && !own.has(row.id));
      this.state = state;
      this.rows = new Map(state.rows.map((row) => [row.id, row]));
      await this.on.state(state, foreign);
    } catch (error) {
      this.shell.fail(error);
    } finally {
      this.polling = false;
    }
  }
}
