// Which points are drawn first, and which of them when there is time for a part only.

/** The points of each pass, back to front; `ends[k]` is where pass k ends in `order`. */
export interface DrawOrder {
  order: Uint32Array;
  ends: [number, number, number];
}

/** 0: stands behind (dimmed, or of a muted colour), 1: plain, 2: read. */
export function passOf(state: number, alpha: number): 0 | 1 | 2 {
  if (state & 1 || alpha < 191) return 0;
  return state & 2 ? 2 : 1;
}

/** The numbers below n in an order that is mixed and always the same. */
export function mixed(n: number): Uint32Array {
  const out = Uint32Array.from({ length: n }, (_, i) => i);
  let seed = 1;
  for (let i = n - 1; i > 0; i--) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((seed / 2 ** 32) * (i + 1));
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

/** Points by pass, within each in the order of `shuffled`: the first tenth of a pass is a fair sample of it. */
export function drawOrder(shuffled: Uint32Array, codes: Uint8Array, state: Uint8Array, colors: Uint8Array): DrawOrder {
  const passes = new Uint8Array(shuffled.length);
  const counts: [number, number, number] = [0, 0, 0];
  for (let i = 0; i < passes.length; i++) counts[(passes[i] = passOf(state[i]!, colors[4 * codes[i]! + 3]!)) as 0 | 1 | 2]++;
  const at = [0, counts[0], counts[0] + counts[1]];
  const order = new Uint32Array(shuffled.length);
  for (const i of shuffled) order[at[passes[i]!]!++] = i;
  return { order, ends: [counts[0], counts[0] + counts[1], order.length] };
}

/** While the map moves: the share of each pass that is drawn next, from how long the last frame took. */
export function pace(share: number, milliseconds: number, least: number): number {
  if (milliseconds > 34) return Math.max(least, share / 2);
  return milliseconds < 21 ? Math.min(1, share * 1.25) : share;
}
