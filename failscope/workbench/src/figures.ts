// Numbers as the list shows them.

const LIFT_MIN = 0.25;
const LIFT_MAX = 16;

/** A share as a percentage; one that is not zero is never shown as zero. */
export function percent(x: number): string {
  const p = x * 100;
  return p > 0 && p < 0.1 ? "<0.1%" : `${p < 10 ? p.toFixed(1) : Math.round(p)}%`;
}

/** Where a lift stands, 0 to 1, on a logarithmic scale from a quarter to sixteen times. */
export function liftAt(x: number): number {
  const clamped = Math.min(Math.max(x, LIFT_MIN), LIFT_MAX);
  return Math.log(clamped / LIFT_MIN) / Math.log(LIFT_MAX / LIFT_MIN);
}
