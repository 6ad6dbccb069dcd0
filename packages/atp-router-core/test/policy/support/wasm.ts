/**
 * A module that keeps the ABI of OPA's WebAssembly (1.3) without being made by OPA, which cannot be had here: it answers `denied` when
 * a given byte is in the input, else `allowed`. What `opa-wasm` and our port do around it is what they do with a real one.
 */
export interface StubAnswers {
  /** JSON of a result set, such as `[{"result":true}]`. */
  readonly allowed: string;
  readonly denied: string;
  /** The byte looked for. @default "#" */
  readonly byte?: string;
  readonly entrypoint?: string;
}

const I32 = 0x7f;
const SECTION = { type: 1, import: 2, function: 3, global: 6, export: 7, code: 10, data: 11 };

function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}

/** Signed, for constants. */
function sleb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7) {
    const byte = rest & 0x7f;
    if ((rest >> 7 === 0 && (byte & 0x40) === 0) || (rest >> 7 === -1 && (byte & 0x40) !== 0)) return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}

const vector = (items: readonly (readonly number[])[]): number[] => [...leb(items.length), ...items.flat()];
const sized = (bytes: readonly number[]): number[] => [...leb(bytes.length), ...bytes];
const name = (text: string): number[] => sized([...Buffer.from(text)]);
const section = (id: number, body: readonly number[]): number[] => [id, ...sized(body)];
const type = (parameters: number, results: number): number[] => [
  0x60,
  ...vector(Array.from({ length: parameters }, () => [I32])),
  ...vector(Array.from({ length: results }, () => [I32])),
];
const constant = (value: number): number[] => [0x41, ...sleb(value)];
const body = (code: readonly number[], locals = 0): number[] =>
  sized([...(locals === 0 ? [0] : [1, ...leb(locals), I32]), ...code, 0x0b]);

/** The module's bytes. */
export function opaModule(answers: StubAnswers): Uint8Array {
  const texts = ["{}", JSON.stringify({ [answers.entrypoint ?? "atp/decision"]: 0 }), answers.allowed, answers.denied];
  let next = 1_024;
  const placed = texts.map((text) => {
    const bytes = [...Buffer.from(text), 0];
    const at = next;
    next += bytes.length;
    return { at, bytes };
  });
  const [nothing, entrypoints, allowed, denied] = placed.map(({ at }) => at) as [number, number, number, number];
  const byte = (answers.byte ?? "#").charCodeAt(0);
  const get = (local: number): number[] => [0x20, local];
  // for (i = 0; i != length; i++) if (memory[address + i] == byte) return denied; return allowed
  const evaluate = [
    ...[0x02, 0x40, 0x03, 0x40],
    ...[...get(7), ...get(4), 0x46, 0x0d, 1],
    ...[...get(3), ...get(7), 0x6a, 0x2d, 0, 0, ...constant(byte), 0x46],
    ...[0x04, 0x40, ...constant(denied), 0x0f, 0x0b],
    ...[...get(7), ...constant(1), 0x6a, 0x21, 7, 0x0c, 0],
    ...[0x0b, 0x0b, ...constant(allowed)],
  ];
  const functions: readonly { readonly name: string; readonly type: number; readonly body: number[] }[] = [
    { name: "builtins", type: 0, body: body(constant(nothing)) },
    { name: "entrypoints", type: 0, body: body(constant(entrypoints)) },
    { name: "opa_json_dump", type: 1, body: body(get(0)) },
    { name: "opa_json_parse", type: 2, body: body(get(0)) },
    { name: "opa_malloc", type: 1, body: body([0x23, 0, ...get(0), 0x23, 0, 0x6a, 0x24, 0], 0) },
    { name: "opa_heap_ptr_get", type: 0, body: body([0x23, 0]) },
    { name: "opa_heap_ptr_set", type: 3, body: body([...get(0), 0x24, 0]) },
    { name: "opa_eval", type: 4, body: body(evaluate, 1) },
  ];
  const globals = [
    [I32, 1, ...constant(65_536), 0x0b],
    [I32, 0, ...constant(1), 0x0b],
    [I32, 0, ...constant(3), 0x0b],
  ];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(SECTION.type, vector([type(0, 1), type(1, 1), type(2, 1), type(1, 0), type(7, 1)])),
    ...section(SECTION.import, vector([[...name("env"), ...name("memory"), 2, 0, ...leb(2)]])),
    ...section(SECTION.function, vector(functions.map((f) => leb(f.type)))),
    ...section(SECTION.global, vector(globals)),
    ...section(
      SECTION.export,
      vector([
        ...functions.map((f, index) => [...name(f.name), 0, ...leb(index)]),
        [...name("opa_wasm_abi_version"), 3, 1],
        [...name("opa_wasm_abi_minor_version"), 3, 2],
      ]),
    ),
    ...section(SECTION.code, vector(functions.map((f) => f.body))),
    ...section(SECTION.data, vector(placed.map(({ at, bytes }) => [0, ...constant(at), 0x0b, ...sized(bytes)]))),
  ]);
}

/** A tar archive under gzip, as `opa build` writes one. */
export function bundleOf(files: Readonly<Record<string, Uint8Array>>, gzip: (tar: Buffer) => Buffer): Buffer {
  const blocks = Object.entries(files).map(([path, bytes]) => {
    const header = Buffer.alloc(512);
    header.write(path, 0, 100);
    header.write(bytes.length.toString(8).padStart(11, "0"), 124, 12);
    header.write("ustar", 257);
    return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
  });
  return gzip(Buffer.concat([...blocks, Buffer.alloc(1_024)]));
}
