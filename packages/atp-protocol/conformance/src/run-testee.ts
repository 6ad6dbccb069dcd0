import { readTraces, readVectors } from "./data.js";
import type { Result } from "./result.js";
import { runTraces } from "./run-traces.js";
import { runVectors } from "./run-vectors.js";
import { readAbout, type Testee } from "./testee/protocol.js";

/** Which checks of a run are wanted. */
export interface Choice {
  /** A profile, or `all`. */
  readonly profile: string;
  /** Part of a check's id. */
  readonly only?: string | undefined;
}

/** Whether a choice takes a check. */
export function takes(choice: Choice, profile: string, id: string): boolean {
  return (
    (choice.profile === "all" || choice.profile === profile) && (choice.only === undefined || id.includes(choice.only))
  );
}

/** Puts all vectors and traces of a choice to a testee. @returns its name for itself, and the results. */
export async function runTestee(testee: Testee, choice: Choice): Promise<{ name: string; results: Result[] }> {
  const answer = await testee.ask({ op: "about" });
  if (answer.error !== undefined) throw new Error(`the testee says nothing about itself: ${answer.error}`);
  const about = readAbout(answer);
  const vectors = readVectors().map((file) => {
    const wanted = <T extends { readonly id: string }>(list: readonly T[] | undefined): readonly T[] =>
      (list ?? []).filter(({ id }) => takes(choice, file.profile, `vector:${file.suite}/${id}`));
    return {
      ...file,
      pairs: wanted(file.pairs),
      cases: wanted(file.cases),
      seals: wanted(file.seals),
      splits: wanted(file.splits),
    };
  });
  const traces = readTraces().filter(({ id, profile }) => takes(choice, profile, `trace:${id}`));
  return {
    name: about.name,
    results: [...(await runVectors(vectors, testee, about)), ...(await runTraces(traces, testee, about))],
  };
}
