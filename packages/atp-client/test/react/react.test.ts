import { act, createElement, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import type { Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createClient } from "../../src/index.js";
import type { AtpClient } from "../../src/index.js";
import { AtpProvider, useAtpState, useAtpStream } from "../../src/react/index.js";
import type { AtpStream, UseAtpStreamOptions } from "../../src/react/index.js";
import { MemoryRouter } from "../support/memory-router.js";
import type { ServedStream } from "../support/memory-router.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";
import { pageGlobals, PlainContainer } from "../support/plain-dom.js";

let streams: ServedStream[];
let cancelled: string[];
let client: AtpClient;
let latest: AtpStream;
let renders: number;
let root: Root | undefined;

beforeEach(() => {
  for (const [name, value] of Object.entries(pageGlobals)) vi.stubGlobal(name, value);
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  streams = [];
  cancelled = [];
  renders = 0;
  const clock = new VirtualClock();
  const router = new MemoryRouter(clock, {
    opened: (stream) => streams.push(stream.accept()),
    cancelled: (stream, reason) => {
      cancelled.push(reason);
      stream.end("RST", { type: "control.cancel", content: {} });
    },
  });
  client = createClient({ url: "ws://router.test/ws", socket: router.socket, clock });
});
afterEach(async () => {
  if (root !== undefined) await act(async () => root?.unmount());
  root = undefined;
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function Page(options: UseAtpStreamOptions): ReturnType<typeof createElement> {
  latest = useAtpStream(options);
  useAtpState();
  renders++;
  return createElement("p", null, `${latest.status}: ${latest.text}`);
}

const tree = (options: UseAtpStreamOptions = {}): ReturnType<typeof createElement> =>
  createElement(StrictMode, null, createElement(AtpProvider, { client }, createElement(Page, options)));

async function mount(options: UseAtpStreamOptions = {}): Promise<PlainContainer> {
  const container = new PlainContainer();
  root = createRoot(container.asElement());
  await act(async () => root?.render(tree(options)));
  return container;
}

describe("useAtpStream", () => {
  it("renders on a server without asking anything", () => {
    expect(renderToString(tree())).toBe("<p>idle: </p>");
    expect(streams).toEqual([]);
  });

  it("asks once in StrictMode and shows text, answer and bill", async () => {
    const container = await mount({ throttleMs: 1 });
    await act(async () => {
      latest.ask("hi");
      await settle();
    });
    expect(streams).toHaveLength(1);
    streams[0]?.partial("a", 0, "one ").partial("b", 0, "uno due ");
    await act(() => vi.waitFor(() => expect(latest.texts).toEqual({ a: "one ", b: "uno due " })));
    expect([latest.status, latest.text]).toEqual(["streaming", "uno due "]);
    await act(async () => {
      streams[0]?.finish("<b>done</b>");
      await settle();
    });
    expect(latest).toMatchObject({ status: "done", text: "<b>done</b>", final: { ok: true }, usage: { usd: 34 } });
    expect(container.text).toBe("done: <b>done</b>");
  });

  it("renders a thousand pieces at most once in throttleMs", async () => {
    await mount({ throttleMs: 50 });
    await act(async () => {
      latest.ask("hi");
      await settle();
    });
    await act(() => vi.waitFor(() => expect(latest.status).toBe("streaming")));
    vi.useFakeTimers();
    const before = renders;
    await act(async () => {
      for (let i = 0; i < 1_000; i++) streams[0]?.partial("a", i, ".");
      await vi.advanceTimersByTimeAsync(49);
    });
    expect(renders).toBe(before);
    await act(() => vi.advanceTimersByTimeAsync(1));
    // StrictMode renders twice.
    expect(renders - before).toBeLessThanOrEqual(2);
    expect(latest.text).toHaveLength(1_000);
  });

  it("a new question cancels the one before, and its late events show nothing", async () => {
    await mount({ throttleMs: 1 });
    await act(async () => {
      latest.ask("first");
      await settle();
    });
    await act(async () => {
      latest.ask("second");
      await settle();
    });
    expect(cancelled).toEqual(["asked anew"]);
    await act(async () => {
      streams[1]?.finish("two");
      await settle();
    });
    expect(latest.text).toBe("two");
  });

  it("cancels the run of a component that stays away, and not of one that StrictMode mounts twice", async () => {
    await mount();
    await act(async () => {
      latest.ask("hi");
      await settle();
    });
    expect(cancelled).toEqual([]);
    await act(async () => root?.unmount());
    root = undefined;
    await vi.waitFor(() => expect(cancelled).toEqual(["unmounted"]));
  });

  it("shows a cancel as cancelled, and functions stay the same", async () => {
    await mount();
    const { ask, cancel } = latest;
    await act(async () => {
      ask("hi");
      await settle();
      cancel("enough");
      await settle();
    });
    expect(latest.status).toBe("cancelled");
    expect([latest.ask, latest.cancel]).toEqual([ask, cancel]);
  });

  it("says what is missing without a provider", () => {
    expect(() => renderToString(createElement(Page))).toThrow(/AtpProvider/);
  });
});
