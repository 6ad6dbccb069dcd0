import { useEffect, useState } from "react";
import type { AtpRun, ConsensusContent, PartialEvent, PlanContent, RunEvent } from "atp-client";

/** A consensus as it was told. */
export interface AgreementStep {
  /** 0 to 1. */
  readonly agreement: number;
  readonly support: readonly string[];
  readonly atMs: number;
  readonly isFinal: boolean;
}

interface Told {
  readonly steps: readonly AgreementStep[];
  /** The highest rung of which something was heard, from 0. */
  readonly rung: number;
}

const nothing: Told = { steps: [], rung: 0 };

/** Each consensus that a run told of, in order, and the rung that it has climbed to. */
export function useAgreement(run: AtpRun | null, plan: PlanContent): Told {
  const [told, setTold] = useState<Told>(nothing);
  useEffect(() => {
    setTold(nothing);
    if (run === null) return;
    let rung = 0;
    const rungs = new Map(plan.rungs.flatMap((calls, i) => calls.map(({ adapter }) => [adapter, i] as const)));
    const heard = (consensus: unknown, isFinal: boolean): void => {
      const { agreement, support = [] } = (consensus ?? {}) as Partial<ConsensusContent>;
      if (typeof agreement !== "number") return;
      const step = { agreement, support, atMs: performance.now(), isFinal };
      setTold(({ steps }) => ({ steps: [...steps, step], rung }));
    };
    const provisional = ({ content }: Extract<RunEvent, { type: "provisional" }>): void => {
      heard((content as { consensus?: unknown }).consensus, false);
    };
    const partial = ({ adapter }: PartialEvent): void => {
      const its = rungs.get(adapter) ?? 0;
      if (its <= rung) return;
      rung = its;
      setTold(({ steps }) => ({ steps, rung }));
    };
    run.on("provisional", provisional).on("partial", partial);
    run.final().then(
      ({ consensus }) => {
        heard(consensus, true);
      },
      () => undefined,
    );
    return () => {
      run.off("provisional", provisional).off("partial", partial);
    };
  }, [run, plan]);
  return told;
}
