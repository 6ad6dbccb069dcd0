import { createHash, createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  canonicalJson,
  createNonceMemory,
  nonceOf,
  sealFault,
  sealFrame,
  sealFrameSync,
  sha256Digest,
  verifyFrame,
  webDigest,
} from "../../src/integrity/index.js";
import { encodeFrame } from "../../src/index.js";
import { syn } from "../support/pipe.js";

const key = new Uint8Array(32).fill(7);
const digest = webDigest();
const nonce = nonceOf(1_000_000, new Uint8Array(16).fill(1));
const nowMs = 1_000_000;

describe("canonical JSON", () => {
  it.each([
    // The examples of RFC 8785, sections 3.2.2 and 3.2.3.
    [
      "numbers",
      { numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 1e-27] },
      '{"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]}',
    ],
    ["strings", { string: "\u20ac$\u000F\nA'\u0042\u0022\u005c\\\"/" }, '{"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'],
    [
      "order by code units",
      { "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\u{1f600}": 5, "\u0080": 6, "\u00f6": 7 },
      '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}',
    ],
    ["-0", [-0], "[0]"],
    ["nesting", { b: [{ d: 1, c: null }], a: true }, '{"a":true,"b":[{"c":null,"d":1}]}'],
  ])("RFC 8785 %s", (_name, value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  it("says the same value, whatever the order of its members", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("refuses what JSON has not", () => {
    expect(() => canonicalJson([Number.NaN])).toThrow(TypeError);
    expect(() => canonicalJson({ a: () => 1 })).toThrow(TypeError);
  });
});

describe("integrity of frames", () => {
  it("A10 checksum and signature are those of an independent implementation", async () => {
    const sealed = await sealFrame(syn(), { digest, key, nonce });
    const text = canonicalJson({ ...syn(), nonce });
    expect(sealed.checksum).toBe(`sha256:${createHash("sha256").update(text).digest("hex")}`);
    expect(sealed.sig).toBe(`hmac-sha256:${createHmac("sha256", key).update(text).digest("base64")}`);
    expect(await verifyFrame(sealed, { digest, key, nowMs })).toBeNull();
  });

  it.each([
    ["a changed member", { qos: "bronze" as const }, "checksum"],
    ["a changed signature", { sig: "hmac-sha256:AAAA" }, "signature"],
    ["an added member", { ack: 1 }, "checksum"],
  ])("A10 refuses %s", async (_name, change, fault) => {
    const sealed = await sealFrame(syn(), { digest, key, nonce });
    expect(await verifyFrame({ ...sealed, ...change }, { digest, key, nowMs })).toBe(fault);
  });

  it("A10 refuses a frame under another key, and one without signature", async () => {
    const sealed = await sealFrame(syn(), { digest, key: new Uint8Array(32), nonce });
    expect(await verifyFrame(sealed, { digest, key, nowMs })).toBe("signature");
    expect(await verifyFrame(syn(), { digest, key, nowMs })).toBe("signature_missing");
  });

  it("A10 takes a nonce once, near its time, for each principal", async () => {
    const nonces = { store: createNonceMemory(), principal: "alice" };
    const sealed = await sealFrame(syn(), { digest, key, nonce });
    const verify = (at: number, principal = "alice") =>
      verifyFrame(sealed, { digest, key, nowMs: at, nonces: { ...nonces, principal } });
    expect(await verify(nowMs)).toBeNull();
    expect(await verify(nowMs + 299_000)).toBe("nonce_seen");
    expect(await verify(nowMs, "bob")).toBeNull();
    expect(await verify(nowMs + 300_001)).toBe("nonce_time");
    expect(await verify(nowMs - 300_001)).toBe("nonce_time");
    expect(await verifyFrame(syn(), { digest, nowMs, nonces })).toBe("nonce_missing");
    expect(await verifyFrame(syn({ flags: ["ACK"] }), { digest, nowMs, nonces })).toBeNull();
  });

  it("A10 a message that is sent again after a resume has its nonce again, and another message has not", () => {
    const store = createNonceMemory();
    const record = (owner?: string) => store.record("alice", nonce, 10, 0, owner);
    expect([record("e1/s1/2"), record("e1/s1/2"), record("e1/s1/3"), record("e2/s1/2"), record()]).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it("A10 hashes in the same turn as an independent implementation does", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", maxLength: 300 }),
        fc.uint8Array({ maxLength: 150 }),
        (text, secret) => {
          expect(sha256Digest.sha256(text)).toBe(createHash("sha256").update(text).digest("hex"));
          expect(sha256Digest.hmacSha256(secret, text)).toBe(
            createHmac("sha256", secret).update(text).digest("base64"),
          );
        },
      ),
    );
  });

  it("A10 one seal, whether hashing takes its time or not", async () => {
    const sealed = sealFrameSync(syn(), { digest: sha256Digest, key, nonce });
    expect(sealed).toEqual(await sealFrame(syn(), { digest, key, nonce }));
    expect(sealFault(sealed, { digest: sha256Digest, key })).toBeNull();
    expect(sealFault({ ...sealed, ttl: 3 }, { digest: sha256Digest, key })).toBe("checksum");
    expect(sealFault(syn(), { digest: sha256Digest, key })).toBe("signature_missing");
    expect(sealFault(syn(), { digest: sha256Digest })).toBeNull();
  });

  it("A10 half a surrogate pair is signed as it arrives", async () => {
    const half = syn({ payload: { type: "agent.request", content: { prompt: "a\ud800" } } });
    const sealed = sealFrameSync(half, { digest: sha256Digest, key, nonce });
    const arrived = JSON.parse(encodeFrame(sealed)) as typeof sealed;
    expect(await verifyFrame(arrived, { digest, key, nowMs })).toBeNull();
  });

  it.each([[["ACK"]], [["HB"]]])("A10 %s needs no seal", (flags) => {
    expect(sealFault(syn({ flags }), { digest: sha256Digest, key })).toBeNull();
  });

  it("A10 a full memory of nonces refuses rather than forgets", () => {
    const store = createNonceMemory(2);
    expect([store.record("a", "1", 10, 0), store.record("a", "2", 10, 0)]).toEqual([true, true]);
    expect(() => store.record("a", "3", 10, 0)).toThrow(expect.objectContaining({ code: "EOVERLOAD" }));
    expect(store.record("a", "1", 10, 0)).toBe(false);
    expect(store.record("a", "3", 30, 11)).toBe(true);
  });
});
