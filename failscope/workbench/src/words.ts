// How far people are, in words: pure functions.

import type { Decision, Dimension, Person } from "./protocol";
import { count, oneLine, plural } from "./text";

/** 41.3 as "41 s", 130 as "2 min 10 s". */
export function duration(seconds: number | null): string {
  if (seconds === null) return "–";
  if (seconds < 1) return "under 1 s";
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  return s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s / 60} min`;
}

/** The others, as short as the bar needs it. */
export function othersSaid(people: Person[], most = 3): string {
  const others = people.filter((p) => !p.you);
  const said = others.slice(0, most).map((p) => `${oneLine(p.reviewer, 16)} ${p.away ? "away" : `${count(p.read)} of ${count(p.of)}`}`);
  if (others.length > most) said.push(`${count(others.length - most)} more`);
  return said.join(" · ");
}

/** What is left, for the reader's own line. */
export function leftSaid(p: Person): string {
  if (p.left === 0) return "nothing is left to read";
  return p.due ? `${count(p.left)} left, ${plural(p.due, "second opinion")} among them` : `${count(p.left)} left`;
}

/** The keys of a scale's points: their scores where each is one digit, else their places from 1. */
export function pointKeys(scale: Dimension["scale"]): string[] {
  const digits = scale.every((p) => Number.isInteger(p.score) && p.score >= 0 && p.score <= 9);
  return scale.map((p, k) => (digits ? String(p.score) : k < 9 ? String(k + 1) : ""));
}

/** The failure modes that all of them gave, in the order of the first: where a decision begins. */
export function agreed(said: { failure_modes: string[] }[]): string[] {
  const [first, ...rest] = said;
  return (first?.failure_modes ?? []).filter((mode) => rest.every((s) => s.failure_modes.includes(mode)));
}

/** A decision in a line. */
export function decisionSaid(d: Decision): string {
  return `settled by ${oneLine(d.by, 40)} as ${d.failure_modes.length ? oneLine(d.failure_modes.join(", "), 120) : "fine"}: ${oneLine(d.reason, 240)}`;
}
