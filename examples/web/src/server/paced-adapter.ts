import { defineAdapter } from "atp-adapter-kit";
import type { Adapter, StreamPart } from "atp-adapter-kit";
import { setTimeout as sleep } from "node:timers/promises";
import { adapterUpstream } from "../../../adapters/persona/src/adapter-upstream.js";

/** How fast a relayed answer is told. */
export interface Pace {
  /** Pieces in a second. */
  readonly perSecond: number;
  /** Characters of a piece. */
  readonly chars: number;
}

/**
 * Passes another adapter's answer on at the speed of a model, so that one can watch the router work. What is said, what
 * proves it, what it costs and how sure it is stay the other adapter's own.
 */
export function pacedAdapter(name: string, url: string, pace: Pace): Adapter {
  const upstream = adapterUpstream(url);
  return defineAdapter({
    name,
    estimate: (request, call) => upstream.estimate(request, call),
    health: () => upstream.health(),
    async *stream(request, call) {
      for await (const part of upstream.stream(request, call)) {
        const pieces = split(part, pace.chars);
        for (const [i, piece] of pieces.entries()) {
          if (i > 0 || piece.text !== undefined)
            await sleep(1_000 / pace.perSecond, undefined, { signal: call.signal });
          yield piece;
        }
      }
    },
  });
}

/** Cuts a part's text; everything else of it comes with the last piece. */
function split(part: StreamPart, chars: number): readonly StreamPart[] {
  const { text, ...rest } = part;
  if (text === undefined || text.length <= chars) return [part];
  const letters = Array.from(text);
  const pieces: StreamPart[] = [];
  for (let at = 0; at < letters.length; at += chars) pieces.push({ text: letters.slice(at, at + chars).join("") });
  return pieces.map((piece, i) => (i === pieces.length - 1 ? { ...rest, ...piece } : piece));
}
