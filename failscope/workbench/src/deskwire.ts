// What the curator's desk and Python say to each other; the table of questions is at the top of ../desk.py.

import type { Piece } from "./protocol";

export type Status = "waiting" | "accepted" | "sent back" | "rejected" | "promoted";

/** A proposed case in the list. */
export interface DeskRow {
  id: string;
  input: string;
  modes: string[];
  status: Status;
  question: string;
  /** The checks that refuse it now. */
  refused: string[];
  waived: string[];
  edited: boolean;
  proposed_by: string[];
  readers: string[];
  agree: boolean | null;
  /** Its readers differ, and nobody has settled it. */
  differ: boolean;
  /** Stands for all that was said of the case; sent back with a word on it, so that Python sees what the page had not. */
  seen: string;
}

export interface DeskState {
  revision: number;
  changed: boolean;
  role: string;
  /** Why this person may not decide; "" for a curator. */
  bound: string;
  golden: string;
  /** The newest version, null before the first. */
  version: number | null;
  examples: number;
  /** How many examples of the newest version have each failure mode. */
  kept: Record<string, number>;
  /** The checks that nobody can waive. */
  firm: string[];
  rows: DeskRow[];
}

export interface Criterion {
  type: string;
  value?: unknown;
  ignore_case?: boolean;
  dimension?: string;
  threshold?: number;
}

export interface Check {
  check: string;
  passed: boolean;
  says: string;
  waived: { by: string; at: string; reason: string } | null;
}

export interface Said {
  reviewer: string;
  failure_modes: string[];
  scores: Record<string, number>;
  note: string;
}

/** Something that happened to a case. */
export interface Past {
  at: string;
  by: string;
  what: string;
  text: string;
}

export interface DeskCase extends Omit<DeskRow, "input"> {
  parts: (Piece & { name: string })[];
  /** Null where nobody wrote one. */
  expected: Piece | null;
  said: Said[];
  settled: { by: string; reason: string } | null;
  proposed: { reviewer: string; reason: string; review: string; at: string }[];
  criteria: { raw: Criterion; words: string }[];
  checks: Check[];
  history: Past[];
  fields: { name: string; value: string }[];
}

export interface Masking {
  found: { kind: string; n: number }[];
  parts: { name: string; before: string; after: string; cut: boolean }[];
}

/** What promoting the accepted would do now. */
export interface Promotion {
  accepted: number;
  enter: number;
  refused: { id: string; says: string[] }[];
  version: number;
}
