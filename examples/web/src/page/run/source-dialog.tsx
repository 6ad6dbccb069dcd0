import { useEffect, useRef, useState } from "react";
import type { ReactElement } from "react";
import type { Evidence } from "atp-client";

interface Excerpt {
  readonly line: number;
  readonly from: number;
  readonly lines: readonly string[];
}

/** The source of a citation, with the cited line marked. The browser keeps the focus in it, and Escape closes it. */
export function SourceDialog({
  item,
  onClose,
}: {
  readonly item: Evidence;
  readonly onClose: () => void;
}): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const [source, setSource] = useState<Excerpt | "loading" | "missing">("loading");
  const locator = item.locator ?? item.source;
  useEffect(() => {
    dialog.current?.showModal();
    const gone = new AbortController();
    openSource(locator, gone.signal).then(setSource, () => {
      if (!gone.signal.aborted) setSource("missing");
    });
    return () => {
      gone.abort();
    };
  }, [locator]);
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="source-title">
      <header>
        <h2 id="source-title">{locator}</h2>
        <button type="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </header>
      {source === "loading" && <p>Opening…</p>}
      {source === "missing" && <p>This source cannot be opened here.</p>}
      {typeof source === "object" && (
        <ol className="source" start={source.from} tabIndex={0} aria-label="Lines of the source">
          {source.lines.map((line, i) => (
            <li key={i} className={source.from + i === source.line ? "cited" : undefined}>
              {source.from + i === source.line ? <mark>{line}</mark> : line}
            </li>
          ))}
        </ol>
      )}
    </dialog>
  );
}

async function openSource(locator: string, signal: AbortSignal): Promise<Excerpt> {
  const response = await fetch(`/source?at=${encodeURIComponent(locator)}`, { signal });
  if (!response.ok) throw new Error(`no source: ${response.status}`);
  return (await response.json()) as Excerpt;
}
