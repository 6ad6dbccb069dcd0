import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Processes, StartError } from "../src/processes.js";

const root = mkdtempSync(join(tmpdir(), "atp-processes-"));
const programs: Record<string, string> = {
  good: `
    const server = require("node:http").createServer((_, res) => res.end(JSON.stringify(process.env)));
    server.listen(Number(process.env.PORT), process.env.HOST, () => console.log("listening on http://127.0.0.1:" + server.address().port));
    process.on("SIGTERM", () => server.close(() => process.exit(0)));
    server.keepAliveTimeout = 1;`,
  broken: `console.error("cannot start: UPSTREAM is missing"); process.exit(1);`,
  dying: `console.log("listening on http://127.0.0.1:1"); process.stdin.resume(); setTimeout(() => { console.error("out of luck"); process.exit(3); }, 20);`,
};
let processes: Processes;

beforeAll(() => {
  for (const [name, code] of Object.entries(programs)) {
    const file = join(root, name, "dist", "main.js");
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, code);
  }
  processes = new Processes(root);
});
afterEach(() => processes.stop());
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

describe("processes of the stack (part D)", () => {
  it("start on a free port, tell where, and get none of this process's configuration", async () => {
    process.env["REDIS_URL"] = "redis://elsewhere";
    try {
      const [one, two] = await Promise.all([
        processes.start("one", "good", { NAME: "one" }),
        processes.start("two", "good", {}),
      ]);
      expect(one.url).not.toBe(two.url);
      const env = (await (await fetch(one.url)).json()) as Record<string, string>;
      expect(env).toMatchObject({ NAME: "one", PORT: "0", HOST: "127.0.0.1" });
      expect(env["REDIS_URL"]).toBeUndefined();
      await processes.stop();
      await expect(fetch(one.url)).rejects.toThrow();
    } finally {
      delete process.env["REDIS_URL"];
    }
  });

  it("that do not come up say why", async () => {
    const error: unknown = await processes.start("broken", "broken", {}).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StartError);
    expect((error as Error).message).toBe("broken ended with code 1\n  broken | cannot start: UPSTREAM is missing");
  });

  it("that are not built say so", async () => {
    await expect(processes.start("absent", "absent", {})).rejects.toThrow(/Cannot find module/);
  });

  it("that die later are told of, with their last words", async () => {
    const own = new Processes(root);
    const died = new Promise<string>((resolve) => {
      own.onDeath = (name, why) => {
        resolve(`${name} ${why}`);
      };
    });
    await own.start("dying", "dying", {});
    expect(await died).toBe("dying ended with code 3\n  dying | out of luck");
  });
});
