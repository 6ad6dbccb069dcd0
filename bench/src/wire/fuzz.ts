import { type Decoded, decodeFrame, defaultLimits } from "atp-protocol";
import { decodeCborFrame, encodeCborFrame } from "atp-protocol/cbor";
import { corpus } from "./corpus.js";
import { heapBytes } from "./memory.js";
import { mutateBytes, mutateText } from "./mutate.js";
import { Random } from "../../../packages/atp-protocol/test/support/random.js";

/** What came of a million mutated frames. */
export interface FuzzResult {
  readonly frames: number;
  readonly accepted: number;
  /** Exceptions that left a decoder. */
  readonly exceptions: number;
  /** Built-in prototypes that have other members than before, and decoded objects with another prototype than a plain one. */
  readonly prototypes: number;
  /** Growth of the heap from the first tenth to the end, in KiB. */
  readonly heapGrowthKb: number;
  /** The first failures: what went in, and what came of it. */
  readonly failures: readonly string[];
}

const prototypes: readonly object[] = [Object, Array, Function, String, Number, Boolean, Error, Map, RegExp].map(
  (one) => one.prototype as object,
);

const membersOf = (one: object): string => Reflect.ownKeys(one).map(String).join();

/** Whether every object of a decoded value is a plain one. */
function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== (Array.isArray(value) ? Array.prototype : Object.prototype)) return false;
  return Object.values(value).every(isPlain);
}

/** Every fifth frame is CBOR, as far as that encoding can hold it. */
const CBOR_EVERY = 5;

/** Decodes mutated frames; nothing may leave the decoders but their answers. */
export function fuzz(options: {
  readonly seed: number;
  readonly frames: number;
  readonly generated: number;
}): FuzzResult {
  const random = new Random(options.seed);
  const texts = corpus(options.seed, options.generated);
  const binaries = texts.flatMap((text) => {
    const decoded = decodeFrame(text, defaultLimits);
    return decoded.ok ? [encodeCborFrame(decoded.frame)] : [];
  });
  const before = prototypes.map(membersOf);
  const failures: string[] = [];
  let accepted = 0;
  let exceptions = 0;
  let touched = 0;
  let heapAtTenth = 0;

  function tell(input: string | Uint8Array, problem: string): void {
    const shown = typeof input === "string" ? JSON.stringify(input) : Buffer.from(input).toString("hex");
    if (failures.length < 5) failures.push(`${problem}: ${shown.slice(0, 2_000)}`);
  }

  function one(input: string | Uint8Array, decode: () => Decoded): void {
    try {
      const decoded = decode();
      if (!decoded.ok) return;
      accepted++;
      if (isPlain(decoded.frame)) return;
      touched++;
      tell(input, "an object that is not plain");
    } catch (error) {
      exceptions++;
      tell(input, String(error));
    }
  }

  for (let i = 0; i < options.frames; i++) {
    if (i % CBOR_EVERY === 0) {
      const bytes = mutateBytes(random, random.of(binaries));
      one(bytes, () => decodeCborFrame(bytes, defaultLimits));
    } else {
      const text = mutateText(random, random.of(texts), random.of(texts));
      one(text, () => decodeFrame(text, defaultLimits));
    }
    if (i === Math.floor(options.frames / 10)) heapAtTenth = heapBytes();
  }
  const heapGrowthKb = (heapBytes() - heapAtTenth) / 1_024;
  prototypes.forEach((one, index) => {
    if (membersOf(one) === before[index]) return;
    touched++;
    failures.push(`${one.constructor.name}.prototype has other members`);
  });
  return { frames: options.frames, accepted, exceptions, prototypes: touched, heapGrowthKb, failures };
}
