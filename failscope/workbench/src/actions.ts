// What every key does where the focus stands, and the words that keys and buttons share: tags, notes, proposals, undo.

import type { ClusterList } from "./clusters";
import type { Dialogs } from "./dialogs";
import { type Action, actionOf } from "./keys";
import type { MapPane } from "./mappane";
import type { ReadingPane } from "./reading";
import type { Review } from "./review";
import type { Selection } from "./selection";
import type { Shell } from "./shell";
import { plural } from "./text";
import type { Together } from "./together";

interface Parts {
  readonly shell: Shell;
  readonly dialogs: Dialogs;
  readonly review: Review;
  readonly selection: Selection;
  readonly map: MapPane;
  readonly list: ClusterList;
  readonly pane: ReadingPane;
  readonly together: Together;
}

/** Moves of the reader, which the workbench makes. */
interface Moves {
  step(by: 1 | -1): void;
  unread(): void;
  clear(): void;
  moreLike(what: { row: number } | { failure_mode: string } | { rows: Uint32Array }): void;
}

export class Actions {
  private golden = "";

  constructor(
    private readonly parts: Parts,
    private readonly moves: Moves,
  ) {}

  // words on a trace or a group ------------------------------------------------------------------------------------

  toggleMode(mode: string): void {
    const held = this.held();
    this.annotate({ failure_modes: held.includes(mode) ? held.filter((m) => m !== mode) : [...held, mode] });
  }

  fine(): void {
    this.annotate({ failure_modes: [] });
  }

  /** Accept the surest suggestion. */
  accept(): void {
    const { pane, shell } = this.parts;
    const first = pane.suggested[0];
    if (this.onlyLooking()) return;
    if (!first) shell.note("Nothing is suggested here");
    else this.toggleMode(first.failure_mode);
  }

  moreLike(): void {
    const { selection } = this.parts;
    if (this.onlyLooking()) return;
    if (selection.lassoed && !selection.walk) this.moves.moreLike({ rows: selection.lassoed });
    else if (selection.current !== null) this.moves.moreLike({ row: selection.current });
  }

  askMoreLikeTag(): void {
    const { review, shell } = this.parts;
    if (this.onlyLooking()) return;
    const modes = review.state.modes;
    if (modes.length === 0) shell.note("No failure mode yet; t makes one");
    else this.ask("Find more like those with the failure mode", "Find", this.held()[0] ?? modes[0]!, modes, (mode) => this.moves.moreLike({ failure_mode: mode }));
  }

  say(row: number, what: "note" | "expected_output", text: string): void {
    const { review } = this.parts;
    const held = review.traces.get(row)?.mark?.[what] ?? "";
    if (text !== held) void review.annotate({ [what]: text }, row);
  }

  async undo(): Promise<void> {
    const { review } = this.parts;
    const done = await review.write<{ said: string }>("undo", {}, (a) => a.said || "Nothing to undo");
    if (done) review.forget();
  }

  askTag(): void {
    const { review, together } = this.parts;
    if (together.settle.active) {
      this.ask("A failure mode that shall hold", "Choose", "", review.choices, (mode) => together.settle.toggle(mode));
      return;
    }
    this.ask("Failure mode of this trace", "Tag", "", review.choices, (mode) => {
      const held = this.held();
      if (!held.includes(mode)) this.annotate({ failure_modes: [...held, mode] });
    });
  }

  askGroupTag(): void {
    const { review, selection } = this.parts;
    const what = selection.lassoed ? `the ${plural(selection.lassoed.length, "selected trace")}` : `the cluster “${review.clusterName(selection.group())}”`;
    this.ask(`Failure mode of ${what}`, "Tag", "", review.choices, (mode) => this.tagGroup(mode));
  }

  askGolden(): void {
    const { review, selection, pane } = this.parts;
    const row = selection.current;
    if (row === null) return;
    const known = review.state.goldens ?? [];
    this.ask("Propose this trace for the golden set", "Propose", this.golden || known[0] || "", known, (golden) => {
      this.golden = golden;
      void review.write<{ proposed: string[] }>("propose", { row, golden, reason: "" }, () => `Saved: proposed for ${golden}`).then((answer) => {
        const trace = review.traces.get(row);
        if (!answer || !trace) return;
        trace.proposed = answer.proposed;
        if (row === selection.current) pane.setMark(trace);
      });
    });
  }

  private tagGroup(mode: string): void {
    const { review, selection, shell } = this.parts;
    if (selection.lassoed) {
      const rows = selection.lassoed;
      void review.write<{ n: number }>("tag_traces", { failure_mode: mode }, (a) => `Saved: ${plural(a.n, "trace")} tagged “${mode}”`, [rows]).then((done) => {
        if (done) review.forget();
      });
      return;
    }
    const cluster = selection.group();
    if (cluster < 0) {
      shell.note("This trace is in no cluster; select some traces to tag them together");
      return;
    }
    void review.write("tag_cluster", { cluster, failure_mode: mode }, () => `Saved: the cluster “${review.clusterName(cluster)}” is “${mode}”`);
  }

  private annotate(what: { failure_modes: string[] }): void {
    const { pane, review } = this.parts;
    const agreed = pane.suggested.filter((s) => what.failure_modes.includes(s.failure_mode)).map((s) => [s.failure_mode, s.confidence]);
    void review.annotate(what, undefined, Object.fromEntries(agreed));
  }

  /** The failure modes of the current trace. */
  private held(): string[] {
    const { review, selection } = this.parts;
    return (selection.current === null ? null : review.traces.get(selection.current)?.mark)?.failure_modes ?? [];
  }

  private ask(label: string, action: string, value: string, choices: string[], done: (text: string) => void): void {
    if (!this.onlyLooking()) this.parts.dialogs.ask(label, action, value, choices, done);
  }

  /** Whether nothing can be written, which the reader is then told. */
  private onlyLooking(): boolean {
    const { review, shell } = this.parts;
    if (review.looking) shell.note("Looking only: start a review to tag");
    return review.looking;
  }

  // keys ------------------------------------------------------------------------------------------------------------------

  key(e: KeyboardEvent): void {
    const target = e.target as HTMLElement;
    const typing = target.matches("input, textarea, select");
    // Shift+Enter in a field would run the cell, a letter would edit the notebook: no key of ours leaves
    e.stopPropagation();
    if (!this.parts.dialogs.help.hidden && e.key === "Tab") {
      e.preventDefault(); // the dialog has one button
      return;
    }
    if (typing && e.key === "Enter" && target.matches("textarea") && (e.ctrlKey || e.metaKey)) {
      e.preventDefault();
      this.leave(target);
      return;
    }
    const action = actionOf(e, typing);
    if (action === null) return;
    const scrolls = ["ArrowDown", "ArrowUp", "PageDown", "PageUp"].includes(e.key) && target === this.parts.pane.scroll;
    if (scrolls) return;
    if (e.key === " " && target.matches("button")) return;
    if (typeof action === "string" && (e.key === "ArrowLeft" || e.key === "ArrowRight") && target.matches("[role=tab]")) return;
    e.preventDefault();
    this.act(action, target);
  }

  toggleHelp(): void {
    this.parts.dialogs.toggleHelp(this.parts.review.looking);
  }

  private act(action: Action, target: HTMLElement): void {
    const { dialogs, list, map, pane, review, shell, together } = this.parts;
    if (!dialogs.help.hidden && action !== "help" && action !== "escape") return;
    if (!dialogs.prompt.hidden && action !== "escape") return; // it waits for an answer
    const elsewhere = action === "escape" && (!dialogs.help.hidden || !dialogs.prompt.hidden || target.matches("input, textarea, select"));
    if (!elsewhere && together.key(action)) return;
    if (typeof action === "object") {
      const k = "tag" in action ? action.tag : action.tagGroup;
      const mode = review.state.modes[k - 1];
      if (this.onlyLooking()) return;
      if (mode === undefined) shell.note(`No failure mode ${k} yet; t makes a new one`);
      else if ("tag" in action) this.toggleMode(mode);
      else this.tagGroup(mode);
      return;
    }
    const actions: Record<typeof action, () => void> = {
      next: () => this.moves.step(1),
      previous: () => this.moves.step(-1),
      unread: () => this.moves.unread(),
      fine: () => this.fine(),
      newTag: () => this.askTag(),
      tagCluster: () => this.askGroupTag(),
      note: () => this.whenWriting(() => pane.focusNote()),
      expected: () => this.whenWriting(() => pane.focusExpected()),
      propose: () => this.askGolden(),
      undo: () => void this.undo(),
      accept: () => this.accept(),
      score: () => this.whenWriting(() => (together.scorer.rubric ? together.scorer.toggle() : shell.note("This review has no rubric to score by"))),
      overview: () => this.whenReviewing(() => together.overview()),
      whatNext: () => this.whenReviewing(() => together.whatNext()),
      disagreements: () => this.whenReviewing(() => void together.disagreements()),
      groupNotes: () => this.whenReviewing(() => void together.notes()),
      reveal: () => this.whenReviewing(() => together.reveal()),
      moreLike: () => this.moreLike(),
      moreLikeTag: () => this.askMoreLikeTag(),
      diff: () => pane.toggleDiff(),
      lasso: () => {
        shell.showPane("map");
        map.toggleLasso();
      },
      search: () => {
        shell.showPane("clusters");
        list.search.focus({ preventScroll: true });
      },
      help: () => this.toggleHelp(),
      escape: () => this.escape(target),
      zoomIn: () => map.zoomIn(),
      zoomOut: () => map.zoomOut(),
      fit: () => map.scatter.fit(),
      pageDown: () => pane.page(1),
      pageUp: () => pane.page(-1),
      noSave: () => shell.note("Everything is saved as you go"),
    };
    actions[action]();
  }

  private whenReviewing(go: () => void): void {
    if (!this.onlyLooking()) go();
  }

  private whenWriting(go: () => void): void {
    if (this.onlyLooking()) return;
    this.parts.shell.showPane("reading");
    go();
  }

  private escape(target: HTMLElement): void {
    const { dialogs, map, shell } = this.parts;
    if (!dialogs.help.hidden) return this.toggleHelp();
    if (!dialogs.prompt.hidden) return dialogs.closePrompt();
    if (target.matches("input, textarea, select")) return this.leave(target);
    if (map.scatter.lassoing) return map.scatter.setLasso(false);
    shell.calm();
    this.moves.clear();
  }

  private leave(target: HTMLElement): void {
    target.blur();
    this.parts.shell.focus();
  }
}
