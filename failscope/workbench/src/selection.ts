// What is selected, what is being read, and the order of reading that follows: rows only, nothing of the page.

const AHEAD = 5;

/** Some traces to go through for a while, and the trace to come back to. */
export interface Walk {
  rows: number[];
  reasons: Map<number, string>;
  says: string;
  /** After "3 of 20". */
  where: string;
  from: number | null;
}

export class Selection {
  walk: Walk | null = null;
  lassoed: Uint32Array | null = null;
  cluster: number | null = null;
  current: number | null = null;
  queue: number[] = [];
  private plan: number[] = [];
  private labels = new Int32Array(0);

  begin(plan: number[], labels: Int32Array<ArrayBuffer>): void {
    this.plan = plan;
    this.labels = labels;
    this.queue = plan;
  }

  /**
   * Take a new order for what lies ahead; what was gone through keeps its place, and so does the current trace.
   * Whether anything moved.
   */
  renew(plan: number[], read: Uint8Array): boolean {
    const at = this.current === null ? -1 : this.plan.indexOf(this.current);
    const here = this.plan.slice(0, at + 1);
    const gone = new Set(here);
    const head = [...plan.filter((row) => read[row] && !gone.has(row)), ...here];
    const passed = new Set(head);
    const renewed = [...head, ...plan.filter((row) => !passed.has(row))];
    const moved = renewed.length !== this.plan.length || renewed.some((row, k) => row !== this.plan[k]);
    this.plan = renewed;
    this.reorder();
    return moved;
  }

  /** The unread trace of the plan that comes after the current one, null for none. */
  ahead(read: Uint8Array): number | null {
    const at = this.current === null ? -1 : this.plan.indexOf(this.current);
    return this.plan.find((row, k) => k > at && !read[row]) ?? null;
  }

  /** Queue what is selected, planned rows first; returns the selected rows, null when nothing is selected. */
  reorder(): number[] | null {
    let rows: number[] | null = null;
    if (this.lassoed) {
      rows = [...this.lassoed];
    } else if (this.cluster !== null) {
      const found: number[] = [];
      this.labels.forEach((label, row) => label === this.cluster && found.push(row));
      rows = found;
    }
    if (this.walk) {
      this.queue = this.walk.rows;
      return rows;
    }
    if (rows === null) {
      this.queue = this.plan;
      return null;
    }
    const inside = new Set(rows);
    const planned = this.plan.filter((row) => inside.has(row));
    const first = new Set(planned);
    this.queue = [...planned, ...rows.filter((row) => !first.has(row))];
    return rows;
  }

  firstUnread(read: Uint8Array): number {
    return this.queue.find((row) => !read[row]) ?? this.queue[0] ?? 0;
  }

  /** Where the row stands in the queue, -1 for outside. */
  at(row: number | null): number {
    return row === null ? -1 : this.queue.indexOf(row);
  }

  /** The rows that are likely to be asked for next. */
  near(): number[] {
    const at = this.at(this.current);
    return at < 0 ? [] : [...this.queue.slice(at + 1, at + 1 + AHEAD), ...this.queue.slice(Math.max(0, at - 1), at)];
  }

  /** The cluster that a word for a whole group is meant for: the chosen one, or else the current trace's; -1 for none. */
  group(): number {
    return this.cluster ?? (this.current === null ? -1 : (this.labels[this.current] ?? -1));
  }
}
