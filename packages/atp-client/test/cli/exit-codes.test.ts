import { AtpError } from "atp-protocol";
import type { ErrorCode } from "atp-protocol";
import { errorClasses } from "../../../atp-protocol/src/frame/error-classes.js";
import { describe, expect, it } from "vitest";
import { exitCodeOf, exitCodesHelp } from "../../src/cli/exit-codes.js";
import { AtpCancelError, AtpDropError } from "../../src/index.js";

const local = { processed: "no" } as const;
const errors = [
  ...Object.keys(errorClasses).map((code) => new AtpError(code as ErrorCode, "x")),
  ...(["ECUT", "ECONNECT", "EQUEUE", "EPEER"] as const).map((code) => new AtpDropError(code, "x", local)),
  ...(["EABORT", "EDETACHED"] as const).map((code) => new AtpCancelError(code, "x", local)),
];

describe("exit codes", () => {
  it.each(errors)("$code has one of its class, and the help says which", (error) => {
    const exit = exitCodeOf(error);
    expect(exit).toBeGreaterThan(2);
    const lines = exitCodesHelp.split("\n").filter((line) => new RegExp(`\\b${error.code}\\b`).test(line));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(new RegExp(`^ *${exit} `));
  });

  it("what is no error of ours is 1", () => {
    expect(exitCodeOf(new Error("x"))).toBe(1);
  });
});
