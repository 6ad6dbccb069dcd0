import { encodeRouterFrame } from "atp-protocol";
import type { Encoded, Frame } from "atp-protocol";
import type { Principal } from "../model/index.js";
import type { Integrity } from "./integrity.js";
import type { WireCodec } from "./socket.js";

/** What this router can do beyond the core (A2.1). */
const CAPABILITIES: readonly string[] = ["resume", "credit", "fragments"];
/** The capability of a router and a client that sign what they send (A10). */
const INTEGRITY = "integrity";
const SEALED_CAPABILITIES: readonly string[] = [...CAPABILITIES, INTEGRITY];

/** Whether a client that announced these wants what it gets sealed. */
export function wantsSeal(capabilities: readonly string[]): boolean {
  return capabilities.includes(INTEGRITY);
}

/** How a session writes its frames. */
export interface SessionSeal {
  readonly capabilities: readonly string[];
  readonly encode: (frame: Frame) => Encoded;
  /** Its client wants what it gets sealed. */
  readonly sealed: boolean;
  announced(capabilities: readonly string[]): void;
  /** Whose key it is. */
  known(principal: Principal): void;
}

/** The writing of one session: plain until its client wants it sealed and is known, and always without {@link Integrity}. */
export function sessionSeal(
  integrity: Integrity | undefined,
  codec: WireCodec | undefined,
  sealed: boolean,
): SessionSeal {
  const encode = codec?.encode ?? encodeRouterFrame;
  if (integrity === undefined) return codec === undefined ? PLAIN : { ...PLAIN, encode };
  let seal: ((frame: Frame) => Frame) | undefined;
  let wanted = sealed;
  return {
    capabilities: SEALED_CAPABILITIES,
    encode: (frame) => encode(seal === undefined ? frame : seal(frame)),
    get sealed() {
      return wanted;
    },
    announced(capabilities) {
      wanted = wantsSeal(capabilities);
    },
    known(principal) {
      seal = wanted ? integrity.sealer(principal) : undefined;
    },
  };
}

/** How most sessions write, and all of them without integrity: one for all. */
const PLAIN: SessionSeal = {
  capabilities: CAPABILITIES,
  encode: encodeRouterFrame,
  sealed: false,
  announced: nothing,
  known: nothing,
};

function nothing(): void {
  // No integrity: nothing changes how frames are written.
}
