import { EventEmitter } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { WebSocket } from "ws";
import { socketPort } from "../../src/node/socket.js";
import type { SocketHandler } from "../../src/runtime/index.js";

/** A `ws` socket that writes down what is done to it and to the socket below. */
class FakeWebSocket {
  readonly OPEN = 1;
  readyState = 1;
  bufferedAmount = 0;
  readonly done: string[] = [];
  readonly _socket = Object.assign(new EventEmitter(), {
    setNoDelay: (on: boolean) => this.done.push(`noDelay ${on}`),
    write: (bytes: Buffer) => this.done.push(`write ${bytes.toString("latin1").replace(/[^a-z]/g, "")}`),
  });
  send(data: Uint8Array): void {
    this.done.push(String(data));
  }
  ping(): void {
    this.done.push("ping");
  }
  close(code: number): void {
    this.readyState = 2;
    this.done.push(`close ${code}`);
  }
}

const nothing = (): void => undefined;
const handler = (flushed: (bytes: number) => void): SocketHandler => ({
  text: nothing,
  binary: nothing,
  alive: nothing,
  flushed,
  closed: nothing,
});

describe("socketPort", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("A1.1: what is sent in one turn leaves in one write, without delay", () => {
    const ws = new FakeWebSocket();
    const flushed: number[] = [];
    const port = socketPort(ws as unknown as WebSocket, () => handler((bytes) => flushed.push(bytes)));
    port.send("a");
    port.send("b");
    port.send("c");
    expect(ws.done).toEqual(["noDelay true"]);
    expect(flushed).toEqual([]);
    vi.runAllTimers();
    expect(ws.done.slice(1)).toEqual(["write abc"]);
    expect(flushed).toEqual([0]);
    port.send("d");
    vi.runAllTimers();
    expect(ws.done.slice(2)).toEqual(["write d"]);
  });

  it("keeps order among text, bytes, pings and the close", () => {
    const ws = new FakeWebSocket();
    const port = socketPort(ws as unknown as WebSocket, () => handler(nothing));
    port.send("a");
    port.send(new Uint8Array([1, 2]));
    port.send("b");
    port.ping();
    port.send("c");
    port.close(1000, "done");
    vi.runAllTimers();
    expect(ws.done.slice(1)).toEqual(["write a", "1,2", "write b", "ping", "write c", "close 1000"]);
  });

  it("lets no batch grow without end", () => {
    const ws = new FakeWebSocket();
    const port = socketPort(ws as unknown as WebSocket, () => handler(nothing));
    for (let i = 0; i < 10; i++) port.send("x".repeat(20_000));
    expect(ws.done.filter((line) => line.startsWith("write"))).toHaveLength(2);
    vi.runAllTimers();
    expect(ws.done.slice(1).join("").length).toBe(200_000 + 3 * "write ".length);
  });

  it("tells of what waits until it is gone, at each drain and meanwhile", () => {
    const ws = new FakeWebSocket();
    const flushed: number[] = [];
    const port = socketPort(ws as unknown as WebSocket, () => handler((bytes) => flushed.push(bytes)));
    ws.bufferedAmount = 900;
    port.send("a");
    vi.advanceTimersToNextTimer();
    expect(flushed).toEqual([900]);
    ws.bufferedAmount = 400;
    vi.advanceTimersByTime(50);
    expect(flushed).toEqual([900, 400]);
    ws.bufferedAmount = 0;
    ws._socket.emit("drain");
    expect(flushed).toEqual([900, 400, 0]);
    vi.advanceTimersByTime(10_000);
    expect(flushed).toEqual([900, 400, 0]);
    expect(ws._socket.listenerCount("drain")).toBe(0);
  });

  it("sends nothing into a socket that closes", () => {
    const ws = new FakeWebSocket();
    const port = socketPort(ws as unknown as WebSocket, () => handler(nothing));
    ws.readyState = 2;
    port.send("a");
    vi.runAllTimers();
    expect(ws.done).toEqual(["noDelay true"]);
  });
});
