import { memo, useState } from "react";
import type { ReactElement } from "react";
import type { Evidence } from "atp-client";
import { SourceDialog } from "./source-dialog.js";

/** What proves the answer; each opens its source. */
export const Citations = memo(function Citations({
  evidence,
}: {
  readonly evidence: readonly Evidence[];
}): ReactElement | null {
  const [open, setOpen] = useState<Evidence>();
  if (evidence.length === 0) return null;
  return (
    <>
      <h3>Citations</h3>
      <ul className="citations">
        {evidence.map((item, i) => (
          <li key={i}>
            <button
              type="button"
              onClick={() => {
                setOpen(item);
              }}
            >
              {item.locator ?? item.source}
            </button>
            <q>{item.quote}</q>
          </li>
        ))}
      </ul>
      {open !== undefined && (
        <SourceDialog
          item={open}
          onClose={() => {
            setOpen(undefined);
          }}
        />
      )}
    </>
  );
});
