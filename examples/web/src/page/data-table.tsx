import { memo } from "react";
import type { ReactElement, ReactNode } from "react";

/** A row: its header, and a cell for each further column. */
export interface Row {
  readonly key: string;
  readonly head: ReactNode;
  readonly cells: readonly ReactNode[];
  /** Told on hovering. */
  readonly title?: string | undefined;
}

/**
 * A table that becomes a list of cards where the page is narrow. Its roles are written out, because a browser forgets them
 * when rows are laid out anew.
 */
export const DataTable = memo(function DataTable({
  label,
  columns,
  rows,
  testId,
}: {
  readonly label: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  readonly testId?: string;
}): ReactElement {
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={label}>
      <table role="table" aria-label={label} data-testid={testId}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <th key={column} role="columnheader" scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map(({ key, head, cells, title }) => (
            <tr key={key} role="row" title={title}>
              <th role="rowheader" scope="row">
                {head}
              </th>
              {cells.map((cell, i) => (
                <td key={columns[i + 1]} role="cell" data-label={columns[i + 1]}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
});
