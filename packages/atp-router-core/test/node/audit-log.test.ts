import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditObserver, openAuditLog, verifyAuditLog } from "../../src/node/index.js";
import type { AuditLogOptions } from "../../src/node/index.js";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "atp-audit-"))));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
const path = (): string => join(folder, `${files++}.log`);

async function written(file: string, count: number, options: Partial<AuditLogOptions> = {}): Promise<string> {
  const log = openAuditLog({ file, ...options });
  for (let i = 0; i < count; i++) log.append({ event: "test", i });
  await log.close();
  return log.head;
}
const lines = (file: string): string[] => readFileSync(file, "utf8").split("\n").slice(0, -1);

describe("the audit log", () => {
  it("is a chain that goes on over restarts, and only its owner reads it", async () => {
    const file = path();
    await written(file, 3);
    const head = await written(file, 2);
    expect(await verifyAuditLog(file)).toEqual({ ok: true, records: 5, head, lost: 0 });
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it.each<[string, (rows: string[]) => string[], string]>([
    ["a changed member", (rows) => rows.map((r, i) => (i === 1 ? r.replace('"i":1', '"i":7') : r)), "was changed"],
    ["a line taken out", (rows) => rows.filter((_, i) => i !== 1), "has number 3 after 1"],
    ["two lines exchanged", ([a, b, c, ...rest]) => [a, c, b, ...rest] as string[], "has number 3 after 1"],
    ["a line told twice", (rows) => [...rows, rows.at(-1) ?? ""], "has number 4 after 4"],
    [
      "rubbish between",
      (rows) => [rows[0] ?? "", "rubbish", ...rows.slice(1)],
      "follows a half line without saying so",
    ],
    ["half a line at the end", (rows) => [...rows, '{"seq":5'], "is a half line at the end"],
  ])("%s is found", async (_name, change, reason) => {
    const file = path();
    await written(file, 4);
    writeFileSync(file, `${change(lines(file)).join("\n")}\n`);
    expect(await verifyAuditLog(file)).toMatchObject({ ok: false, reason: expect.stringContaining(reason) as string });
  });

  it("an end that was cut off is found by a hash that was noted elsewhere", async () => {
    const file = path();
    const head = await written(file, 4);
    writeFileSync(file, `${lines(file).slice(0, 2).join("\n")}\n`);
    expect(await verifyAuditLog(file)).toMatchObject({ ok: true, records: 2 });
    expect(await verifyAuditLog(file, { expect: head })).toMatchObject({ ok: false });
  });

  it("with a key nobody else can make a chain of his own", async () => {
    const file = path();
    await written(file, 2, { key: "secret" });
    expect(await verifyAuditLog(file, { key: "secret" })).toMatchObject({ ok: true, records: 2 });
    expect(await verifyAuditLog(file, { key: "guess" })).toMatchObject({ ok: false, line: 1 });
    expect(await verifyAuditLog(file)).toMatchObject({ ok: false, line: 1 });
  });

  it("half a line that a crash left is said, and the chain goes on", async () => {
    const file = path();
    await written(file, 2);
    appendFileSync(file, '{"seq":3,"event":"te');
    await written(file, 1);
    expect(await verifyAuditLog(file)).toMatchObject({ ok: true, records: 4 });
    expect(lines(file).at(-2)).toContain('"log.recovered"');
  });

  it("refuses to go on in a file that is another kind of file", () => {
    const file = path();
    writeFileSync(file, "hello\n");
    expect(() => openAuditLog({ file })).toThrow(/does not end in a record/);
  });

  it("a disk that blocks holds up nobody: what finds no room is counted, and the count is the next record", async () => {
    const rows: string[] = [];
    let release: (() => void) | undefined;
    const sink = new Writable({
      decodeStrings: false,
      write(chunk: string, _encoding, done) {
        rows.push(chunk);
        if (release === undefined) release = done;
        else done();
      },
    });
    const log = openAuditLog({ file: path(), sink, maxWaiting: 2 });
    for (let i = 0; i < 5; i++) log.append({ event: "test", i });
    expect(log.lost).toBe(3);
    release?.();
    await new Promise((resolve) => setImmediate(resolve));
    log.append({ event: "test", i: 5 });
    await log.close();
    const file = path();
    writeFileSync(file, rows.join(""));
    expect(await verifyAuditLog(file)).toMatchObject({ ok: true, records: 4, lost: 3 });
  });

  it("takes what was spent, denied and forged, and never a prompt", async () => {
    const file = path();
    const log = openAuditLog({ file });
    const observer = auditObserver(log);
    observer.observe({ t: "policy.denied", key: "k", tenant: "acme", reasons: ["no"] });
    observer.observe({ t: "socket.opened", sockets: 1 });
    const error = { code: "ESEC", message: "not yours", retry: "never", processed: "no" } as const;
    observer.observe({ t: "violation", error, remote: "::1" });
    await log.close();
    expect(lines(file).map((row) => (JSON.parse(row) as { event: string }).event)).toEqual([
      "policy.denied",
      "violation",
    ]);
  });
});
