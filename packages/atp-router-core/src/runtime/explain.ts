import { AtpError } from "atp-protocol";
import type { ErrorContent } from "atp-protocol";
import type { Limits, Principal } from "../model/index.js";
import type { StreamEnd } from "../stream/index.js";
import type { Opened } from "./session-tools.js";
import type { ExplainRequest } from "./router.js";

/** What a dry run tells: the plan, or why there is none. */
export type Explanation = Readonly<Record<string, unknown>> | { readonly error: ErrorContent };

/** Runs a question up to its plan: policy, estimates and holds as they would be. Spends nothing. */
export function explain(
  request: ExplainRequest,
  principal: Principal,
  sessionLimits: Limits,
  run: { readonly key: string; readonly open: (opened: Opened, principal: Principal) => void },
): Promise<Explanation> {
  return new Promise((resolve) => {
    const nothing = (): void => undefined;
    const output = {
      accept: nothing,
      send: nothing,
      control: nothing,
      end: (_ref: string, end: StreamEnd) => {
        if (end.by === "error") resolve({ error: end.error });
      },
      explained: resolve,
    };
    const frame = {
      v: 1 as const,
      session_id: "explain",
      stream_id: run.key,
      msg_seq: 1,
      flags: ["SYN"],
      ...(request.window === undefined ? {} : { window: request.window }),
    };
    const parse = {
      meta: request.meta,
      payload: request.payload,
      qos: request.qos ?? "silver",
      principal,
      resumable: false,
    };
    try {
      run.open(
        { key: run.key, ref: run.key, parse, frame, rich: true, dryRun: true, session: run.key, sessionLimits, output },
        principal,
      );
    } catch (error) {
      resolve({ error: AtpError.from(error).toContent() });
    }
  });
}
