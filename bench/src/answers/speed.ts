import {
  decideNext,
  families,
  fitTask,
  outcomesOf,
  promptFeatures,
  randomOf,
  type SeenAnswer,
} from "atp-router-core/learning";
import { type Answer, weigh } from "atp-router-core";
import { median, type Spread, spread } from "../harness/stats.js";

const ROUNDS = 9;

/** Microseconds of CPU of one call, by round; the first round warms up. */
function timed(loops: number, run: (i: number) => void): Spread {
  const times: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < loops; i++) run(i);
    const { user, system } = process.cpuUsage(before);
    if (round > 0) times.push((user + system) / loops);
  }
  return { ...spread(times), value: median(times) };
}

/** One decision of a fitted value rule with prompt features at eight adapters, the reading of the prompt included. */
export function decisionUs(): Spread {
  const random = randomOf(5);
  const adapters = Array.from({ length: 8 }, (_, m) => `model-${m}`);
  const prompts = Array.from(
    { length: 300 },
    (_, i) => `Question ${i}: what is ${Math.floor(random() * 1e4)} times ${i}? Think of each step.`,
  );
  const rows = prompts.map((prompt) => ({
    prompt: promptFeatures(prompt, "sums"),
    answers: adapters.map((_, m) => {
      const correct = random() < 0.5 + m / 20;
      return {
        answerKey: correct ? "right" : `wrong ${Math.floor(random() * 3)}`,
        correct,
        usdMicros: 10 * 2 ** m,
        outputTokens: 50,
      };
    }),
  }));
  const data = outcomesOf(adapters, rows);
  const all = Int32Array.from(rows.keys());
  const folds = [0, 1, 2].map((fold) => all.filter((row) => row % 3 === fold));
  const rich = families.filter(({ votes }) => votes.prompt);
  const { policy } = fitTask(data, all, folds, { families: rich, prices: [20_000] });
  const value = policy.points.filter(({ rule }) => rule.kind === "value");
  const answers = {
    version: 1 as const,
    tasks: { sums: { ...policy, points: value.length > 0 ? value : policy.points } },
  };
  const candidates = adapters.map((name) => ({ name }));
  const seen: SeenAnswer[] = adapters
    .slice(0, 3)
    .map((adapter, m) => ({ adapter, answerKey: `${m % 2}`, outputTokens: 50 }));
  return timed(20_000, (i) => {
    const prompt = promptFeatures(prompts[i % prompts.length] ?? "", "sums");
    decideNext(answers, {
      task: "sums",
      prompt,
      seen: seen.slice(0, i % 4),
      candidates,
      aim: { budgetUsdMicros: 1e9 },
      draw: 0,
    });
  });
}

/** Milliseconds of one consensus of nine different answers of 2 kB. */
export function consensusMs(): Spread {
  const random = randomOf(9);
  const words = Array.from({ length: 400 }, () =>
    Array.from({ length: 2 + Math.floor(random() * 7) }, () =>
      String.fromCharCode(97 + Math.floor(random() * 26)),
    ).join(""),
  );
  const text = (): string => {
    let all = "";
    while (all.length < 2_048)
      all += `${words[Math.floor(random() * words.length)] ?? ""}${random() < 0.1 ? ". " : " "}`;
    return all.slice(0, 2_048);
  };
  const sets = Array.from({ length: 40 }, (): Answer[] => {
    const first = text();
    return Array.from({ length: 9 }, (_, i) => ({
      adapter: `model-${i}`,
      sample: 0,
      // A third say nearly the same, the others something of their own.
      text: i % 3 === 0 ? `${first} ${words[i] ?? ""}` : text(),
      evidence: [],
      confidence: 0.5,
    }));
  });
  const us = timed(200, (i) => {
    weigh(sets[i % sets.length] ?? [], {});
  });
  return { ...us, value: us.value / 1_000, min: us.min / 1_000, max: us.max / 1_000 };
}
