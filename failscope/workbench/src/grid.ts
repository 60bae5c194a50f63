// Finds points near a place and inside an outline without looking at all of them.

export class Grid {
  private readonly side: number;
  private readonly start: Int32Array;
  private readonly items: Uint32Array;

  /** @param xy points in the square from -1 to 1, two numbers each */
  constructor(private readonly xy: Float32Array) {
    const n = xy.length / 2;
    this.side = Math.max(1, Math.ceil(Math.sqrt(n / 2)));
    const cells = new Int32Array(n);
    this.start = new Int32Array(this.side * this.side + 1);
    for (let i = 0; i < n; i++) {
      const cell = this.cell(xy[2 * i]!) + this.cell(xy[2 * i + 1]!) * this.side;
      cells[i] = cell;
      this.start[cell + 1]!++;
    }
    for (let c = 0; c < this.side * this.side; c++) this.start[c + 1]! += this.start[c]!;
    const fill = this.start.slice();
    this.items = new Uint32Array(n);
    for (let i = 0; i < n; i++) this.items[fill[cells[i]!]!++] = i;
  }

  private cell(v: number): number {
    return Math.min(this.side - 1, Math.max(0, Math.floor(((v + 1) / 2) * this.side)));
  }

  private *rowsIn(x0: number, y0: number, x1: number, y1: number): Generator<[number, number]> {
    const [c0, c1] = [this.cell(x0), this.cell(x1)];
    for (let r = this.cell(y0); r <= this.cell(y1); r++) yield [this.start[r * this.side + c0]!, this.start[r * this.side + c1 + 1]!];
  }

  /** The nearest point within a radius, or null. */
  nearest(x: number, y: number, radius: number): number | null {
    let best: number | null = null;
    let least = radius * radius;
    for (const [from, to] of this.rowsIn(x - radius, y - radius, x + radius, y + radius)) {
      for (let k = from; k < to; k++) {
        const i = this.items[k]!;
        const d = (this.xy[2 * i]! - x) ** 2 + (this.xy[2 * i + 1]! - y) ** 2;
        if (d <= least) {
          least = d;
          best = i;
        }
      }
    }
    return best;
  }

  /** The points inside a closed outline (even-odd rule), in rising order. */
  inside(outline: readonly [number, number][]): Uint32Array {
    if (outline.length < 3) return new Uint32Array(0);
    const xs = outline.map((p) => p[0]);
    const ys = outline.map((p) => p[1]);
    const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const found: number[] = [];
    for (const [from, to] of this.rowsIn(x0, y0, x1, y1)) {
      for (let k = from; k < to; k++) {
        const i = this.items[k]!;
        const [x, y] = [this.xy[2 * i]!, this.xy[2 * i + 1]!];
        if (x >= x0 && x <= x1 && y >= y0 && y <= y1 && contains(outline, x, y)) found.push(i);
      }
    }
    return Uint32Array.from(found).sort();
  }
}

export function contains(outline: readonly [number, number][], x: number, y: number): boolean {
  let inside = false;
  for (let i = 0, j = outline.length - 1; i < outline.length; j = i++) {
    const [xi, yi] = outline[i]!;
    const [xj, yj] = outline[j]!;
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

/** Points moved into the square from -1 to 1, proportions kept. */
export function unitSquare(xy: Float32Array): Float32Array {
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < xy.length; i += 2) {
    x0 = Math.min(x0, xy[i]!);
    x1 = Math.max(x1, xy[i]!);
    y0 = Math.min(y0, xy[i + 1]!);
    y1 = Math.max(y1, xy[i + 1]!);
  }
  const half = Math.max(x1 - x0, y1 - y0) / 2 || 1;
  const out = new Float32Array(xy.length);
  for (let i = 0; i < xy.length; i += 2) {
    out[i] = (xy[i]! - (x0 + x1) / 2) / half;
    out[i + 1] = (xy[i + 1]! - (y0 + y1) / 2) / half;
  }
  return out;
}
