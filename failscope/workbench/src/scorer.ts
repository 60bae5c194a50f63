// Scores by the rubric, from the keyboard: a number for the dimension, a number for the point whose words fit.

import { bdi, fill, h, kbd } from "./dom";
import type { Dimension, RubricSaid } from "./protocol";
import { oneLine } from "./text";
import { pointKeys } from "./words";

export class Scorer {
  readonly el = h("div", { class: "fs-scorer", role: "group", "aria-label": "Scores", hidden: true });
  readonly button = h("button", { class: "fs-button", type: "button", title: "Score by the rubric (s)", hidden: true, onclick: () => this.toggle() });
  rubric: RubricSaid | null = null;
  private scores: Record<string, number> = {};
  private chosen: Dimension | null = null;

  constructor(private readonly give: (dimension: string, score: number) => void) {}

  get open(): boolean {
    return !this.el.hidden;
  }

  setRubric(rubric: RubricSaid | null): void {
    this.rubric = rubric;
    this.button.hidden = rubric === null;
    this.close();
    this.render();
  }

  setScores(scores: Record<string, number>): void {
    this.scores = scores;
    this.render();
  }

  toggle(): void {
    if (!this.rubric) return;
    this.chosen = null;
    this.el.hidden = this.open;
    this.render();
  }

  close(): void {
    this.el.hidden = true;
    this.chosen = null;
  }

  /** One step back: from the points to the dimensions, from those out. */
  back(): void {
    if (this.chosen) this.chosen = null;
    else this.close();
    this.render();
  }

  /** A number was pressed; whether it meant something. */
  pick(digit: number): boolean {
    if (!this.rubric) return false;
    if (!this.chosen) {
      const dimension = digit > 0 ? this.rubric.dimensions[digit - 1] : undefined;
      if (!dimension) return false;
      this.choose(dimension);
      return true;
    }
    const point = this.chosen.scale[pointKeys(this.chosen.scale).indexOf(String(digit))];
    if (!point) return false;
    this.say(this.chosen, point.score);
    return true;
  }

  private choose(dimension: Dimension): void {
    this.chosen = dimension;
    this.render();
    // scrollIntoView would also scroll the notebook
    const box = this.el.parentElement;
    if (box) box.scrollTop = this.el.offsetTop - box.offsetTop - 8;
  }

  private say(dimension: Dimension, score: number): void {
    this.chosen = null;
    this.give(dimension.key, score);
    this.render();
  }

  private render(): void {
    const all = this.rubric?.dimensions ?? [];
    const given = all.filter((d) => d.key in this.scores).length;
    fill(this.button, given ? `Scores ${given}/${all.length} ` : "Score ", kbd("s"));
    this.button.setAttribute("aria-expanded", String(this.open));
    if (!this.open) return;
    const { chosen } = this;
    const focused = this.el.contains(document.activeElement);
    if (!chosen) {
      fill(
        this.el,
        h("p", { class: "fs-quiet" }, "Which dimension? ", kbd("Esc"), " closes"),
        h("div", { class: "fs-choices" }, ...all.map((d, k) =>
          h("button", { class: "fs-tag", type: "button", title: oneLine(d.definition, 300), onclick: () => this.choose(d) }, k < 9 ? kbd(String(k + 1)) : null, bdi(oneLine(d.name, 60)), h("b", {}, d.key in this.scores ? String(this.scores[d.key]) : "–")),
        )),
      );
    } else {
      const keys = pointKeys(chosen.scale);
      fill(
        this.el,
        h("p", {}, h("b", {}, bdi(oneLine(chosen.name, 60))), " ", h("span", { class: "fs-quiet" }, bdi(oneLine(chosen.definition, 300)))),
        ...chosen.scale.map((p, k) =>
          h(
            "button",
            { class: "fs-point", type: "button", "aria-pressed": this.scores[chosen.key] === p.score ? "true" : "false", title: oneLine(p.example, 400), onclick: () => this.say(chosen, p.score) },
            keys[k] ? kbd(keys[k]!) : null,
            keys[k] === String(p.score) ? null : h("b", {}, String(p.score)),
            bdi(oneLine(p.meaning, 300)),
          ),
        ),
      );
    }
    if (focused) this.el.querySelector("button")?.focus();
  }
}
