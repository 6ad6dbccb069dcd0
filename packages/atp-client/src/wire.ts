import type { Decoded, DecodeLimits, Encoded, Frame, WireLimits } from "atp-protocol";
import type { WireCodec } from "./ports.js";

/** The encoding of one session: offered on its first socket, chosen by the router, kept for every resume (A1.2, A8.1). */
export class Wire {
  readonly #codecs: readonly WireCodec[];
  /** The bound of a frame is for what a router reads (A3.3); a message may come whole (A6). */
  readonly #bound: DecodeLimits;
  #chosen: WireCodec | null = null;

  /** @param codecs in the order of preference; the last one is what a router speaks that chose none */
  constructor(codecs: readonly WireCodec[], { max_message_bytes }: Pick<WireLimits, "max_message_bytes">) {
    this.#codecs = codecs;
    this.#bound = { max_frame_bytes: max_message_bytes };
  }

  /** What to offer on the next socket. */
  get subprotocols(): readonly string[] {
    return offered(this.#chosen === null ? this.#codecs : [this.#chosen]);
  }

  choose(protocol: string): void {
    this.#chosen ??= this.#codecs.find(({ subprotocol }) => subprotocol === protocol) ?? null;
  }

  encode(frame: Frame): Encoded {
    return this.#codec.encode(frame);
  }

  decode(data: string | ArrayBuffer): Decoded {
    return this.#codec.decode(data, this.#bound);
  }

  /** A frame that was just encoded, as an inspector shows it. */
  shown(data: Encoded): Frame | null {
    const decoded = this.decode(typeof data === "string" ? data : data.slice().buffer);
    return decoded.ok ? decoded.frame : null;
  }

  get #codec(): WireCodec {
    return this.#chosen ?? (this.#codecs.at(-1) as WireCodec);
  }
}

/** What a socket offers of these. */
export function offered(codecs: readonly WireCodec[]): readonly string[] {
  return codecs.map(({ subprotocol }) => subprotocol);
}
