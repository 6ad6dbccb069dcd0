import type { Decoded, DecodeLimits, Encoded, Frame } from "atp-protocol";
import type { WireCodec } from "./ports.js";

/** The encoding of one session: offered on its first socket, chosen by the router, kept for every resume (A1.2, A8.1). */
export class Wire {
  readonly #codecs: readonly WireCodec[];
  #chosen: WireCodec | null = null;

  /** @param codecs in the order of preference; the last one is what a router speaks that chose none */
  constructor(codecs: readonly WireCodec[]) {
    this.#codecs = codecs;
  }

  /** What to offer on the next socket. */
  get subprotocols(): readonly string[] {
    return this.#chosen === null ? this.#codecs.map(({ subprotocol }) => subprotocol) : [this.#chosen.subprotocol];
  }

  choose(protocol: string): void {
    this.#chosen ??= this.#codecs.find(({ subprotocol }) => subprotocol === protocol) ?? null;
  }

  encode(frame: Frame): Encoded {
    return this.#codec.encode(frame);
  }

  decode(data: string | ArrayBuffer, limits: DecodeLimits): Decoded {
    return this.#codec.decode(data, limits);
  }

  /** A frame that was just encoded, as an inspector shows it. */
  shown(data: Encoded, limits: DecodeLimits): Frame | null {
    const decoded = this.decode(typeof data === "string" ? data : data.slice().buffer, limits);
    return decoded.ok ? decoded.frame : null;
  }

  get #codec(): WireCodec {
    return this.#chosen ?? (this.#codecs.at(-1) as WireCodec);
  }
}

/** What the next socket offers: what the session speaks already, or all there is. */
export function offered(
  { codecs }: { readonly codecs: readonly WireCodec[] },
  session: { readonly subprotocols: readonly string[] } | null,
): readonly string[] {
  return session?.subprotocols ?? new Wire(codecs).subprotocols;
}
