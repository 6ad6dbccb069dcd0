import { memo, useEffect, useRef } from "react";
import type { ReactElement } from "react";
import { time } from "../format.js";
import type { LoggedFrame } from "./frame-log.js";

const HEIGHT = 64;

/** Frames over time: sent ones above the line, received ones below, as high as they are long. Drawn, since they are many. */
export const Timeline = memo(function Timeline({ frames }: { readonly frames: readonly LoggedFrame[] }): ReactElement {
  const canvas = useRef<HTMLCanvasElement>(null);
  const from = frames[0]?.atMs ?? 0;
  const span = Math.max(1, (frames.at(-1)?.atMs ?? 0) - from);
  useEffect(() => {
    const element = canvas.current;
    const brush = element?.getContext("2d");
    if (!element || !brush) return;
    const { clientWidth: width } = element;
    const scale = window.devicePixelRatio;
    element.width = width * scale;
    element.height = HEIGHT * scale;
    brush.scale(scale, scale);
    const colours = getComputedStyle(element);
    const middle = HEIGHT / 2;
    brush.fillStyle = colours.getPropertyValue("--line");
    brush.fillRect(0, middle, width, 1);
    for (const direction of ["out", "in"] as const) {
      brush.fillStyle = colours.getPropertyValue(direction === "out" ? "--accent" : "--good");
      for (const { atMs, bytes, direction: its } of frames) {
        if (its !== direction) continue;
        const size = Math.min(middle - 3, 2 + Math.log2(Math.max(1, bytes / 32)) * 3);
        const x = ((atMs - from) / span) * (width - 3);
        brush.fillRect(x, direction === "out" ? middle - size : middle + 1, 2, size);
      }
    }
  }, [frames, from, span]);
  const sent = frames.filter(({ direction }) => direction === "out").length;
  return (
    <figure className="timeline">
      <canvas
        ref={canvas}
        height={HEIGHT}
        role="img"
        aria-label={`Timeline: ${sent} frames sent and ${frames.length - sent} received within ${time(span)}`}
      />
      <figcaption className="quiet">
        {sent} sent ↑, {frames.length - sent} received ↓, within {time(span)}
      </figcaption>
    </figure>
  );
});
