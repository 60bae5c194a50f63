// Palettes that hold in light and dark and for colour-blind eyes; amounts run in lightness first, hue second.

export type Rgb = [number, number, number];

// after Paul Tol's "bright" and "vibrant" schemes, evened so that every one has 3:1 against both backgrounds
const LIGHT = ["#3d6fb0", "#d1660f", "#1b8a5a", "#b8336a", "#7a5cc4", "#a07a00", "#0f8b9a", "#8c4a2f", "#5f7a1e", "#c2447f"];
const DARK = ["#7aa6e8", "#f2955a", "#56c596", "#ef7fa9", "#b49cf0", "#dcb640", "#55c8d6", "#cf9172", "#a9c75c", "#f3a3cc"];
const RAMP_LIGHT = ["#efd9a7", "#e3a957", "#c96f3a", "#963a3c", "#4f1d3d"];
const RAMP_DARK = ["#4a3b52", "#82434f", "#bd5f3f", "#e59a45", "#fbe3a0"];

export const MISSING = 255;

export function hex(color: string): Rgb {
  const n = parseInt(color.slice(1), 16);
  return [(n >> 16) & 255, (n >> 8) & 255, n & 255];
}

export function css([r, g, b]: Rgb): string {
  return `rgb(${r}, ${g}, ${b})`;
}

export function category(k: number, dark: boolean): Rgb {
  const palette = dark ? DARK : LIGHT;
  return hex(palette[k % palette.length]!);
}

/** A colour for an amount from 0 to 1. */
export function ramp(t: number, dark: boolean): Rgb {
  const stops = (dark ? RAMP_DARK : RAMP_LIGHT).map(hex);
  const x = Math.min(Math.max(t, 0), 1) * (stops.length - 1);
  const k = Math.min(Math.floor(x), stops.length - 2);
  const f = x - k;
  return [0, 1, 2].map((c) => Math.round(stops[k]![c]! * (1 - f) + stops[k + 1]![c]! * f)) as Rgb;
}

export const muted = (dark: boolean): Rgb => (dark ? [112, 122, 138] : [158, 166, 178]);
export const grey = (dark: boolean): Rgb => (dark ? [72, 76, 84] : [214, 216, 220]);

/** Relative luminance, 0 to 1 (WCAG 2.1). */
export function luminance([r, g, b]: Rgb): number {
  const [x, y, z] = [r, g, b].map((v) => {
    const s = v / 255;
    return s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
}

/** Contrast of two colours, 1 to 21 (WCAG 2.1). */
export function contrast(a: Rgb, b: Rgb): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

import type { Legend } from "./protocol";

/** The colour of one code of a legend. */
export function colorOf(legend: Legend, code: number, dark: boolean): Rgb {
  if (code === MISSING) return grey(dark);
  if (legend.kind === "amount") return ramp(code / 254, dark);
  const categories = legend.categories ?? [];
  if (legend.kind === "ordered") return ramp(categories.length > 1 ? code / (categories.length - 1) : 1, dark);
  return categories[code]?.muted ? muted(dark) : category(code, dark);
}

/** 256 colours for the graphics card; alpha 1 where a point is to stand out, 0.5 where it stays behind. */
export function palette(legend: Legend, dark: boolean): Uint8Array {
  const out = new Uint8Array(256 * 4);
  for (let code = 0; code < 256; code++) {
    const behind = code === MISSING || (legend.categories?.[code]?.muted ?? false);
    out.set([...colorOf(legend, code, dark), behind ? 128 : 255], code * 4);
  }
  return out;
}
