import type { FinalResult } from "atp-client";
import { beforeAll, describe, expect, it } from "vitest";
import { readArgs } from "../src/args.js";
import { askedWith } from "../src/ask.js";
import { Screen } from "../src/screen.js";
import { billLines, windowLines } from "../src/show-bill.js";
import { liveLines } from "../src/show-partials.js";
import { estimateLines, planLines, policyLines } from "../src/show-plan.js";
import { adapterOrder, newStory, tell } from "../src/story.js";
import type { Story } from "../src/story.js";
import { clip, fit, pad, plainStyle, safe, tail, terminalStyle, visible, wrap } from "../src/text.js";
import { View } from "../src/view.js";
import { eventsOf, finFrame, planFrame, runFrames } from "./support/frames.js";

const plain = plainStyle();
let story: Story;
let final: FinalResult;

beforeAll(async () => {
  story = newStory();
  for (const event of await eventsOf(runFrames)) {
    tell(story, event, 5);
    if (event.type === "final") final = event;
  }
});

const plan = (): NonNullable<Story["plan"]> => {
  if (story.plan === undefined) throw new Error("the frames hold a plan");
  return story.plan;
};

/** What a terminal would have on its screen: the text without what steers it. */
const texts = (lines: readonly string[]): string => lines.join("\n");

describe("what frames become on the screen", () => {
  it("policy, with its engine and reasons", () => {
    expect(policyLines(plan(), plain)).toEqual(["Policy:", "  allowed by cel: fs.read is allowed"]);
  });

  it("each adapter's estimate; one that failed says why", () => {
    const lines = estimateLines(plan(), plain);
    expect(lines.slice(2)).toEqual([
      "  librarian-shallow   6   70     15 µ$        0.61",
      "  librarian-deep      6  310  1,246 µ$        0.87",
      "  persona            48  290  1,208 µ$        0.80",
      "  llama               -    -         -           -  no connection to 127.0.0.1:9",
    ]);
  });

  it("the plan: who, what it may cost, until when, why, and who is left out", () => {
    expect(planLines(plan(), plain)).toEqual([
      "Plan: fanout",
      "  together  librarian-shallow + librarian-deep + persona",
      "  expected 730 tokens, 2,469 µ$; held 1,200 tokens, 3,900 µ$",
      "  ends when all have answered",
      "  - fanout asks every adapter that fits at once and weighs all answers",
      "  - left out llama: gave no estimate",
    ]);
  });

  it("the rungs of a ladder in order, and its stopping rule", () => {
    const [calls = []] = plan().rungs;
    const ladder = {
      ...plan(),
      strategy: "cascade",
      rungs: calls.slice(0, 2).map((call) => [call]),
      stop: { min_confidence: 0.7, quorum: 2 },
    };
    expect(texts(planLines(ladder, plain))).toContain("  1 first  librarian-shallow\n  2 then  librarian-deep");
    expect(texts(planLines(ladder, plain))).toContain("ends when confidence reaches 0.7 or 2 answers agree");
  });

  it("the bill, whose rows add up to its total", () => {
    const bill = final.telemetry;
    if (bill === undefined) throw new Error("the frames hold a bill");
    expect(billLines(bill, adapterOrder(plan()), plain)).toEqual([
      "Bill: 735 tokens, 2,474 µ$, estimated 730 and 2,469 µ$",
      "  adapter            outcome  in  out     price  first    time",
      "  librarian-shallow  ok        6   71     15 µ$  12 ms   20 ms",
      "  librarian-deep     ok        6  312  1,251 µ$  14 ms   31 ms",
      "  persona            ok       48  292  1,208 µ$  29 ms  1.03 s",
      "  llama              skipped   0    0      0 µ$      -       -",
      "  total                       60  675  2,474 µ$  38 ms  1.04 s",
      "  llama: unavailable, no connection",
    ]);
  });

  it("what is left of the window, and of what", () => {
    expect(windowLines({ max_tokens: 20_000, max_usd_micros: 50_000 }, final.telemetry?.window_left, plain)).toEqual([
      "Window left:",
      "  tokens            19,265  of 20,000",
      "  price          47,526 µ$  of 50,000 µ$",
      "  calls at once          4",
    ]);
  });

  it("partials by adapter, joined, within the lines there are", () => {
    expect(story.slots.get("librarian-deep")).toMatchObject({ pieces: 3, confidence: 0.7 });
    for (const room of [4, 7, 10, 40])
      expect(liveLines(story, terminalStyle(80, false), room).length).toBeLessThanOrEqual(room);
    expect(texts(liveLines(story, terminalStyle(80, false), 20))).toContain(
      "An operator sees every hold. [docs/b.md:1]",
    );
  });

  it("a higher attempt voids what the adapter said (A4.2)", async () => {
    const retried = newStory();
    const again = {
      ...runFrames[2],
      msg_seq: 2,
      payload: {
        type: "agent.result.partial",
        content: { adapter: "librarian-shallow", chunk: 0, attempt: 1, text: "new" },
      },
    };
    const frames = [
      ...runFrames.slice(0, 3),
      { ...again, msg_seq: 3 },
      { ...finFrame, msg_seq: 4 },
    ] as typeof runFrames;
    for (const event of await eventsOf(frames)) tell(retried, event, 5);
    expect(retried.slots.get("librarian-shallow")).toMatchObject({ text: "new", pieces: 1, attempt: 1 });
  });

  it.each([80, 100, 120])("no line is wider than a terminal of %i columns, with colours", async (columns) => {
    const written: string[] = [];
    const args = readArgs(["Why ".repeat(60)]);
    const asked = askedWith(args, "0");
    const view = new View({ isTTY: true, columns, rows: 30, write: (text) => written.push(text) }, true);
    view.opening(args, asked);
    view.asking();
    for (const event of await eventsOf(runFrames)) view.event(event, 1);
    view.result(
      final,
      [{ locator: "docs/a.md:2", quote: "A hold ".repeat(40), verdict: "there", adapter: "persona" }],
      asked,
      10,
    );
    view.goOn();
    view.close();
    const lines = written
      .join("")
      .replace(/\u001b\[\??\d+[AJhl]/g, "")
      .split("\n");
    for (const line of lines) expect(visible(line), line).toBeLessThanOrEqual(columns);
  });
});

describe("without a terminal", () => {
  it("there are plain lines only, each partial among them", async () => {
    const written: string[] = [];
    const args = readArgs([]);
    const asked = askedWith(args, "0");
    const view = new View({ write: (text) => written.push(text) }, true);
    view.opening(args, asked);
    view.started({ name: "router", url: "http://127.0.0.1:1", startedMs: 1 });
    view.asking();
    for (const event of await eventsOf(runFrames)) view.event(event, 1);
    view.result(final, [], asked, 10);
    view.close();
    const text = written.join("");
    expect(text).not.toContain("\u001b");
    expect(text.match(/^ {2}partial {2}/gm)).toHaveLength(8);
    expect(text.split("\n").filter((line) => line.startsWith("{"))).toEqual([]);
  });

  it("a screen draws no region", () => {
    const written: string[] = [];
    const screen = new Screen({ write: (text) => written.push(text) });
    screen.animate(() => ["never"]);
    screen.print("once");
    screen.settle();
    expect(written).toEqual(["once\n"]);
  });
});

describe("a terminal's region", () => {
  it("is drawn below what stays, taken away at the end, and the cursor comes back", () => {
    const written: string[] = [];
    const screen = new Screen({ isTTY: true, columns: 80, rows: 24, write: (text) => written.push(text) });
    screen.animate(() => ["a", "b"]);
    screen.print("stays");
    screen.settle();
    expect(written).toEqual([
      "\u001b[?25l",
      "a\nb\n",
      "\u001b[2A\u001b[0Jstays\n",
      "a\nb\n",
      "\u001b[2A\u001b[0J\u001b[?25h",
    ]);
  });
});

describe("text", () => {
  it.each([10, 25, 39])(
    "is cut to %i columns with its colours closed, so that a region never breaks its lines",
    (columns) => {
      const line = `  ${"\u001b[36mlibrarian\u001b[0m"} and more ${"\u001b[2mof it\u001b[0m"}, and still more of it`;
      const cut = fit(line, columns);
      expect(visible(cut)).toBe(columns);
      expect(cut.endsWith("\u001b[0m")).toBe(true);
      expect(fit(line, 200)).toBe(line);
    },
  );

  it("of strangers steers no terminal", () => {
    expect(safe("a\u001b[2Jb\rc\u0007d\u202ee\nf")).toBe("a [2Jb c d e\nf");
  });

  it("is wrapped at spaces and keeps its line breaks", () => {
    expect(wrap("one two three\n\nfour", 8)).toEqual(["one two", "three", "", "four"]);
  });

  it.each([
    [clip("abcdef", 4), "abc…"],
    [clip("abc", 4), "abc"],
    [tail("abc def ghi", 5), "… ghi"],
    [pad("7", -3), "  7"],
    [pad("é", 3), "é  "],
  ])("fits: %s", (got, expected) => {
    expect(got).toBe(expected);
  });

  it("of the plan frame is what its content says", () => {
    expect(plan()).toMatchObject(planFrame.payload?.content as object);
  });
});
