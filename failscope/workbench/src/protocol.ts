// The wire to Python: one answer for every question, in any order, and a word when Python is silent.
//
// The table of questions is at the top of ../widget.py; these are its types.

export interface ClusterCard {
  cluster: number;
  name: string;
  size: number;
  share: number;
  lift: number | null;
  lift_low: number | null;
  lift_high: number | null;
  q_value: number | null;
  bad_rate: number | null;
  stability: number | null;
  sets_apart: string | null;
  phrases: string[];
  trend: (number | null)[];
  new: boolean;
}

export interface ColorOption {
  by: string;
  label: string;
  group: string;
}

export interface Hello {
  title: string;
  looking: boolean;
  reviewer: string | null;
  n: number;
  clusters: ClusterCard[];
  noise: number;
  lift_of: string;
  note: string;
  colors: ColorOption[];
  by: string;
  plan: number[];
  reasons: string[];
  batches: number;
  reads: number;
  open: number | null;
}

/** The plan as it is read: what was read first, then the rest as it is ordered after so many batches, or reads. */
export interface Order {
  plan: number[];
  reasons: string[];
  batches: number;
  reads: number;
}

export interface Suggestion {
  failure_mode: string;
  confidence: number;
  reason: string;
}

export interface Suggested {
  row: number;
  ready: boolean;
  suggested: Suggestion[];
}

/** What a list of traces to go through for a while is; its rows are in the buffer. */
export interface WalkSaid {
  says: string;
  reasons: string[];
}

export interface Category {
  name: string;
  count: number;
  muted: boolean;
  cluster?: number;
}

export interface Legend {
  by: string;
  label: string;
  kind: "categories" | "ordered" | "amount";
  categories?: Category[];
  low?: number | null;
  high?: number | null;
  clipped?: boolean;
  missing: number;
}

export interface State {
  revision: number;
  changed: boolean;
  modes: string[];
  tags: Record<string, string[]>;
  /** Everybody's progress, this reader's first; none where there is no review. */
  people?: Person[];
  /** Nothing that others said is shown until the review is revealed. */
  blind?: boolean;
  /** The version of the rubric in force, "" for none. */
  rubric?: string;
  goldens?: string[];
  batches?: number;
}

/** A row of session.progress(); of `left`, `due` are second opinions. */
export interface Person {
  reviewer: string;
  read: number;
  left: number;
  of: number;
  due: number;
  /** The median time from one reading to the next, null before the second. */
  seconds: number | null;
  away: boolean;
  you: boolean;
}

/** What waits beside reading; what others' words go into is null or 0 while blind. */
export interface TeamSaid {
  fresh: string[];
  enough: boolean | null;
  new_high: number | null;
  sampled: number | null;
  open: number;
  settled: number;
  notes: number;
  keep: number;
  /** What to run in a cell for the report. */
  report: string;
}

export interface Point {
  score: number;
  meaning: string;
  example: string;
}

export interface Dimension {
  key: string;
  name: string;
  definition: string;
  scale: Point[];
  failure_modes: string[];
}

export interface RubricSaid {
  name: string;
  version: string;
  dimensions: Dimension[];
}

export interface Decision {
  failure_modes: string[];
  reason: string;
  by: string;
}

/** A trace of which people said different things. */
export interface Case {
  row: number;
  differ: string[];
  said: { reviewer: string; failure_modes: string[]; scores: Record<string, number>; note: string }[];
  decision: Decision | null;
}

export interface NoteGroup {
  note: string;
  notes: string[];
  rows: number[];
}

export interface Mark {
  failure_modes: string[];
  scores: Record<string, number>;
  note: string;
  expected_output: string | null;
  read: boolean;
}

export interface Piece {
  text: string;
  total: number;
}

export interface Trace {
  row: number;
  trace_id: string;
  cluster: number;
  turns: (Piece & { role: string })[];
  parts: (Piece & { name: string })[];
  signals: { name: string; value: string; bad: boolean | null }[];
  fields: { name: string; value: string }[];
  behaviours: { name: string; says: string; hint: boolean }[];
  mark: Mark | null;
  proposed: string[];
  /** How many other traces one reading of this one counts for; this and the rest only in a review. */
  alike?: number;
  /** Somebody else has read it, this reader has not. */
  second?: boolean;
  /** What was decided where people differed; null while blind. */
  decision?: Decision | null;
}

export interface Nearest {
  row: number | null;
  said: string;
  trace_id?: string;
  marked_fine?: boolean;
  input?: string;
  text?: string;
  total?: number;
}

export type Push =
  | { push: "open"; row: number }
  | { push: "select" }
  | ({ push: "walk" } & WalkSaid)
  | { push: "color"; by: string }
  | { push: "state" }
  | { push: "open_case"; case: string }
  | { push: "choose"; cases: string[] };

/** The part of anywidget's model that is used. */
export interface Model {
  get(name: string): unknown;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBufferView[]): void;
  on(event: string, callback: (...args: any[]) => void): void;
  off(event: string, callback: (...args: any[]) => void): void;
}

export type Answer<T> = T & { buffers: DataView[] };

/** How long Python may be silent before the reader is told. */
export const PATIENCE_MS = 4000;

export class Channel {
  private waiting = new Map<string, { resolve: (v: any) => void; reject: (e: Error) => void; timer: number }>();
  private late = new Set<string>();
  private count = 0;
  // several views of one widget hear every answer; each knows its own by this prefix
  private readonly prefix = Math.random().toString(36).slice(2, 10);

  constructor(
    private model: Model,
    private onPush: (push: Push, buffers: DataView[]) => void,
    private onSilence: (silent: boolean) => void,
  ) {
    model.on("msg:custom", this.receive);
  }

  ask<T>(ask: string, args: object = {}, buffers: ArrayBufferView[] = []): Promise<Answer<T>> {
    const id = `${this.prefix}:${++this.count}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.late.add(id);
        this.onSilence(true);
      }, PATIENCE_MS) as unknown as number;
      this.waiting.set(id, { resolve, reject, timer });
      this.model.send({ id, ask, ...args }, undefined, buffers);
    });
  }

  private receive = (content: any, buffers: DataView[] = []): void => {
    if (content?.push) {
      this.onPush(content as Push, buffers);
      return;
    }
    const held = this.waiting.get(content?.id);
    if (!held) return;
    this.waiting.delete(content.id);
    clearTimeout(held.timer);
    if (this.late.delete(content.id) && this.late.size === 0) this.onSilence(false);
    if (content.ok) held.resolve({ ...content, buffers });
    else held.reject(new Error(String(content.error ?? "Python gave no reason")));
  };

  close(): void {
    this.model.off("msg:custom", this.receive);
    for (const { timer } of this.waiting.values()) clearTimeout(timer);
    this.waiting.clear();
  }
}

/** A copy of a buffer as numbers; a copy because a view may start at an odd place, which typed arrays refuse. */
export function bytes(view: DataView | undefined): Uint8Array<ArrayBuffer> {
  if (!view) return new Uint8Array(0);
  return new Uint8Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) as ArrayBuffer);
}
