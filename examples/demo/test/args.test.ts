import { describe, expect, it } from "vitest";
import { readArgs, UsageError } from "../src/args.js";

describe("the demo's arguments", () => {
  it.each<[string[], object]>([
    [[], { question: "How is a budget kept?", json: false, strategy: "fanout", qos: "gold" }],
    [["What", "is", "a lane?"], { question: "What is a lane?" }],
    [["--json", "Q?"], { json: true, question: "Q?" }],
    [["--strategy", "cascade", "--qos=bronze"], { strategy: "cascade", qos: "bronze" }],
    [["--max-tokens=50", "--max-usd-micros", "0"], { maxTokens: 50, maxUsdMicros: 0 }],
    [["--", "--json"], { json: false, question: "--json" }],
  ])("%j", (argv, expected) => {
    expect(readArgs(argv)).toMatchObject(expected);
  });

  it("names an option that it does not have, whatever follows", () => {
    expect(() => readArgs(["--wat"])).toThrow("--wat is no option");
    expect(() => readArgs(["--strategy"])).toThrow("--strategy needs a value");
  });

  it.each([
    [["--jsn"]],
    [["--json=1"]],
    [["--strategy"]],
    [["--strategy", "best"]],
    [["--qos", "iron"]],
    [["--max-tokens", "-1"]],
    [["--max-tokens", "1e3"]],
    [["--max-usd-micros", "9007199254740993"]],
  ])("refuses %j with one line", (argv) => {
    const read = (): unknown => readArgs(argv);
    expect(read).toThrow(UsageError);
    expect(read).not.toThrow(/\n/);
  });
});
