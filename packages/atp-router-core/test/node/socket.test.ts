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
    cork: () => this.done.push("cork"),
    uncork: () => this.done.push("uncork"),
  });
  send(data: string): void {
    this.done.push(data);
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
    expect(ws.done).toEqual(["noDelay true", "cork", "a", "b", "c"]);
    expect(flushed).toEqual([]);
    vi.runAllTimers();
    expect(ws.done.slice(5)).toEqual(["uncork"]);
    expect(flushed).toEqual([0]);
    port.send("d");
    vi.runAllTimers();
    expect(ws.done.slice(6)).toEqual(["cork", "d", "uncork"]);
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
