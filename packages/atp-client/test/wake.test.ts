import { afterEach, describe, expect, it, vi } from "vitest";
import { platformWake } from "../src/ports.js";

afterEach(() => vi.unstubAllGlobals());

/** A page's two event targets. */
function page(): { window: EventTarget; document: EventTarget & { visibilityState: string } } {
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
  vi.stubGlobal("removeEventListener", window.removeEventListener.bind(window));
  vi.stubGlobal("document", document);
  return { window, document };
}

describe("signs of life", () => {
  it("a page wakes the client when the network is back and when it is looked at, until it is stopped", () => {
    const { window, document } = page();
    const wake = vi.fn();
    const stop = platformWake(wake);
    window.dispatchEvent(new Event("online"));
    expect(wake).toHaveBeenCalledTimes(1);
    document.visibilityState = "hidden";
    document.dispatchEvent(new Event("visibilitychange"));
    expect(wake).toHaveBeenCalledTimes(1);
    document.visibilityState = "visible";
    document.dispatchEvent(new Event("visibilitychange"));
    expect(wake).toHaveBeenCalledTimes(2);
    stop();
    window.dispatchEvent(new Event("online"));
    document.dispatchEvent(new Event("visibilitychange"));
    expect(wake).toHaveBeenCalledTimes(2);
  });

  it("without a page it never wakes, and stopping it does no harm", () => {
    expect(() => platformWake(() => undefined)()).not.toThrow();
  });
});
