import type { UIMessage } from "ai";
import type { FinalResult, PlanContent } from "atp-client";

/** What the router told of an answer, in short. */
export interface AtpMetadata {
  readonly atp?: {
    readonly adapter?: string;
    readonly strategy?: string;
    readonly agreement?: number;
    readonly tokens?: number;
    readonly usdMicros?: number;
    readonly latencyMs?: number;
  };
}

/** The data parts that the transport adds to a message. */
export type AtpParts = {
  "atp-plan": PlanContent;
  "atp-final": Pick<FinalResult, "adapter" | "consensus" | "telemetry">;
  "atp-partial": { readonly adapter: string; readonly text: string };
};

/** A message of a chat over a router. */
export type AtpMessage = UIMessage<AtpMetadata, AtpParts>;
